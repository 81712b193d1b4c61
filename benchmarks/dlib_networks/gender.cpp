// Cydral's gender network, 32 x 32.
#include "bench.h"
#include "blocks.h"

using namespace blocks;

template <int n, typename S>
using pair_of = avg_pool<2, 2, 2, 2, con_relu<n, 3, 1, con_relu<n, 3, 1, S>>>;

using net = loss_multiclass_log<
    fc<2, multiply<relu<fc<16, multiply<pair_of<64, pair_of<32, input_rgb_image_sized<32>>>>>>>>>;

int main(int argc, char** argv) { return bench::run<net>(argc, argv, 32, 32); }
