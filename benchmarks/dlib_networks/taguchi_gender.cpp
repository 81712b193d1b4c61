// Taguchi's gender network, 150 x 150.
#include "bench.h"
#include "blocks.h"

using net = blocks::resnet34<2, dlib::input_rgb_image_sized<150>>;

int main(int argc, char** argv) { return bench::run<net>(argc, argv, 150, 150); }
