// Blocks that several networks share; see src/phiz/nets/blocks.py.
#pragma once

#include <dlib/dnn.h>

namespace blocks {
using namespace dlib;

template <int n, int side, int stride, typename S>
using con_relu = relu<affine<con<n, side, side, stride, stride, S>>>;

template <int n, typename S>
using residual = relu<add_prev1<affine<con<n, 3, 3, 1, 1, con_relu<n, 3, 1, tag1<S>>>>>>;

template <int n, typename S>
using residual_down = relu<add_prev2<avg_pool<
    2, 2, 2, 2, skip1<tag2<affine<con<n, 3, 3, 1, 1, con_relu<n, 3, 2, tag1<S>>>>>>>>>;

template <int n, typename S>
using residual_up = relu<add_prev2<cont<
    n, 2, 2, 2, 2,
    skip1<tag2<affine<
        cont<n, 3, 3, 1, 1, relu<affine<cont<n, 3, 3, 2, 2, tag1<S>>>>>>>>>>>;

template <int n, int stride, typename S>
using narrow = affine<con<4 * n, 1, 1, 1, 1, con_relu<n, 3, stride, con_relu<n, 1, 1, S>>>>;

template <int n, typename S>
using bottleneck = relu<add_prev1<narrow<n, 1, tag1<S>>>>;

template <int n, typename S>
using bottleneck_down =
    relu<add_prev2<avg_pool<2, 2, 2, 2, skip1<tag2<narrow<n, 2, tag1<S>>>>>>>;

template <typename S> using res32 = residual<32, S>;
template <typename S> using res64 = residual<64, S>;
template <typename S> using res128 = residual<128, S>;
template <typename S> using res256 = residual<256, S>;
template <typename S> using res512 = residual<512, S>;

template <typename S>
using stem = max_pool<3, 3, 2, 2, con_relu<64, 7, 2, S>>;

template <int n, typename S>
using resnet34 = loss_multiclass_log<fc<n, avg_pool_everything<
    res512<res512<residual_down<512,
    res256<res256<res256<res256<res256<residual_down<256,
    res128<res128<res128<residual_down<128,
    res64<res64<res64<stem<S>>>>>>>>>>>>>>>>>>>>;

}  // namespace blocks
