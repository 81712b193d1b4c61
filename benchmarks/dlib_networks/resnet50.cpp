// dlib's ImageNet network with 50 convolutions, 224 x 224.
#include "bench.h"
#include "blocks.h"

using namespace blocks;

template <typename S> using narrow64 = bottleneck<64, S>;
template <typename S> using narrow128 = bottleneck<128, S>;
template <typename S> using narrow256 = bottleneck<256, S>;
template <typename S> using narrow512 = bottleneck<512, S>;

using net = loss_multiclass_log<fc<1000, avg_pool_everything<
    repeat<2, narrow512, bottleneck_down<512,
    repeat<5, narrow256, bottleneck_down<256,
    repeat<3, narrow128, bottleneck_down<128,
    repeat<3, narrow64, stem<input_rgb_image>>>>>>>>>>>;

int main(int argc, char** argv) { return bench::run<net>(argc, argv, 224, 224); }
