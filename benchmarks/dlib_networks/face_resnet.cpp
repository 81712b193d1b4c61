// dlib's face descriptor network, 150 x 150.
#include "bench.h"
#include "blocks.h"

using namespace blocks;

using net = loss_metric<fc_no_bias<128, avg_pool_everything<
    residual_down<256,
    res256<res256<residual_down<256,
    res128<res128<residual_down<128,
    res64<res64<res64<residual_down<64,
    res32<res32<res32<
    max_pool<3, 3, 2, 2, con_relu<32, 7, 2, input_rgb_image_sized<150>>>>>>>>>>>>>>>>>>>>;

int main(int argc, char** argv) { return bench::run<net>(argc, argv, 150, 150); }
