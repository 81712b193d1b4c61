// BAREL's face descriptor network, 150 x 150.
#include "bench.h"
#include "blocks.h"

using namespace blocks;

template <typename S>
using dense = concat2<tag1, tag2, tag2<con<
    16, 3, 3, 1, 1, relu<affine<con<64, 1, 1, 1, 1, relu<affine<tag1<S>>>>>>>>>;

template <int n, typename S>
using transition = avg_pool<2, 2, 2, 2, con<n, 1, 1, 1, 1, relu<affine<S>>>>;

template <typename S>
using first = add_layer<
    max_pool_<3, 3, 2, 2, 1, 1>, relu<affine<add_layer<con_<32, 7, 7, 2, 2, 3, 3>, S>>>>;

using net = loss_metric<fc_no_bias<128, avg_pool_everything<relu<affine<
    repeat<8, dense, transition<130,
    repeat<12, dense, transition<68,
    repeat<6, dense, transition<40,
    repeat<3, dense, first<input_rgb_image>>>>>>>>>>>>>;

int main(int argc, char** argv) { return bench::run<net>(argc, argv, 150, 150); }
