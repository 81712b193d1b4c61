// dlib's detector of human faces on one picture, 640 x 480, with its pyramid and its boxes.
#include "bench.h"
#include "blocks.h"

using namespace blocks;

template <typename S>
using smaller = con_relu<32, 5, 2, con_relu<32, 5, 2, con_relu<16, 5, 2, S>>>;

template <typename S>
using wide = con_relu<45, 5, 1, S>;

using net = loss_mmod<con<1, 9, 9, 1, 1, wide<wide<wide<
    smaller<input_rgb_image_pyramid<pyramid_down<6>>>>>>>>;

int main(int argc, char** argv) {
    if (argc != 5) bench::fail(std::string(argv[0]) + " WEIGHTS PICTURES COUNT OUTPUT");
    net detector;
    deserialize(argv[1]) >> detector;
    std::ifstream file(argv[2], std::ios::binary);
    matrix<rgb_pixel> picture;
    bench::read_picture(file, picture, 480, 640);
    detector(picture);
    bench::write_tensor(argv[4], detector.subnet().get_output());
    return bench::serve([&] { detector(picture); });
}
