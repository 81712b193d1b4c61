// Cydral's network that colours gray pictures, 227 x 227.
#include "bench.h"
#include "blocks.h"

using namespace blocks;

template <typename S> using u1 = add_tag_layer<2101, S>;
template <typename S> using u2 = add_tag_layer<2102, S>;
template <typename S> using u3 = add_tag_layer<2103, S>;
template <typename S> using u4 = add_tag_layer<2104, S>;
template <typename S> using v1 = add_tag_layer<2111, S>;
template <typename S> using v2 = add_tag_layer<2112, S>;
template <typename S> using v3 = add_tag_layer<2113, S>;
template <typename S> using v4 = add_tag_layer<2114, S>;

template <template <typename> class down, template <typename> class up, typename S>
using join = add_layer<concat_<down, up>, up<add_layer<resize_prev_to_tagged_<down>, S>>>;

using way_down = repeat<2, res512, residual_down<512, u4<
    repeat<3, res256, residual_down<256, u3<
    repeat<1, res128, residual_down<128, u2<
    repeat<1, res64, res64<max_pool<3, 3, 2, 2, u1<
    con_relu<64, 7, 2, input<matrix<unsigned char>>>>>>>>>>>>>>>>;

using net = loss_mean_squared_per_channel_and_pixel<2, cont<2, 1, 1, 1, 1,
    relu<affine<cont<64, 7, 7, 2, 2,
    join<u1, v1, repeat<1, res64, residual_up<64,
    join<u2, v2, repeat<1, res128, residual_up<128,
    join<u3, v3, repeat<3, res256, residual_up<256,
    join<u4, v4, repeat<2, res512, residual_up<512, way_down>>>>>>>>>>>>>>>>>;

int main(int argc, char** argv) { return bench::run<net>(argc, argv, 227, 227); }
