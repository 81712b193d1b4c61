// Cydral's age network, 64 x 64.
#include "bench.h"
#include "blocks.h"

using namespace blocks;

using net = loss_multiclass_log<fc<81, avg_pool_everything<
    res256<residual_down<256, res128<residual_down<128, res64<stem<input_rgb_image>>>>>>>>>;

int main(int argc, char** argv) { return bench::run<net>(argc, argv, 64, 64); }
