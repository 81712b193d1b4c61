// dlib's ImageNet network with 34 convolutions, 227 x 227.
#include "bench.h"
#include "blocks.h"

using net = blocks::resnet34<1000, dlib::input_rgb_image_sized<227>>;

int main(int argc, char** argv) { return bench::run<net>(argc, argv, 227, 227); }
