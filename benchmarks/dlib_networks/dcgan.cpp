// Cydral's picture generator, 100 numbers to 162 x 162.
#include "bench.h"
#include "blocks.h"

using namespace blocks;

template <int n, int side, int stride, int pad, typename S>
using grow = relu<affine<add_layer<cont_<n, side, side, stride, stride, pad, pad>, S>>>;

using net = loss_binary_log_per_pixel<fc_no_bias<1, sig<add_layer<
    cont_<3, 4, 4, 2, 2, 0, 0>,
    grow<64, 4, 2, 1, grow<128, 4, 2, 1, grow<128, 4, 2, 1, grow<256, 3, 3, 1, grow<512, 4, 1, 0,
    input<std::array<matrix<float, 1, 1>, 100>>>>>>>>>>>;

int main(int argc, char** argv) {
    return bench::run<net>(argc, argv, 1, 1, [](net& all) -> const tensor& {
        return layer<2>(all).get_output();  // the picture
    });
}
