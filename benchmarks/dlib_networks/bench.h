// What every program here does: load a network, then time runs of it on demand.
//
//     PROGRAM WEIGHTS PICTURES COUNT OUTPUT
//
// PICTURES holds COUNT pictures as raw bytes, one after the other. One untimed run writes its
// outputs to OUTPUT as raw float32; then each line on standard input starts a run, and its
// milliseconds are printed, from the pictures to the outputs.
#pragma once

#include <dlib/dnn.h>

#include <chrono>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <string>
#include <vector>

namespace bench {

inline void fail(const std::string& message) {
    std::cerr << message << std::endl;
    std::exit(1);
}

inline void read_bytes(std::istream& in, void* to, size_t count) {
    if (!in.read(static_cast<char*>(to), static_cast<std::streamsize>(count)))
        fail("the file of pictures is too short");
}

// A picture of these sides from raw bytes: RGB, gray, or (planes) 1 x 1 float32 planes.
template <typename Pixel>
void read_picture(std::istream& in, dlib::matrix<Pixel>& out, long rows, long columns) {
    out.set_size(rows, columns);
    read_bytes(in, &out(0, 0), sizeof(Pixel) * static_cast<size_t>(rows * columns));
}

template <size_t planes>
void read_picture(
    std::istream& in, std::array<dlib::matrix<float, 1, 1>, planes>& out, long, long) {
    for (auto& plane : out) read_bytes(in, &plane(0, 0), sizeof(float));
}

inline void write_tensor(const std::string& path, const dlib::tensor& value) {
    std::ofstream out(path, std::ios::binary);
    out.write(
        reinterpret_cast<const char*>(value.host()),
        static_cast<std::streamsize>(value.size() * sizeof(float)));
}

// Prints the milliseconds of `work` once per line of standard input.
template <typename Work>
int serve(Work&& work) {
    for (std::string line; std::getline(std::cin, line);) {
        const auto start = std::chrono::steady_clock::now();
        work();
        const std::chrono::duration<double, std::milli> took =
            std::chrono::steady_clock::now() - start;
        std::cout << took.count() << std::endl;
    }
    return 0;
}

// `Net` without its loss is what runs; `output` picks the layer whose values are written.
template <typename Net, typename Output>
int run(int argc, char** argv, long rows, long columns, Output&& output) {
    if (argc != 5) fail(std::string(argv[0]) + " WEIGHTS PICTURES COUNT OUTPUT");
    Net net;
    dlib::deserialize(argv[1]) >> net;
    std::ifstream file(argv[2], std::ios::binary);
    std::vector<typename Net::input_type> pictures(std::stoul(argv[3]));
    for (auto& picture : pictures) read_picture(file, picture, rows, columns);
    dlib::resizable_tensor input;
    auto forward = [&] {
        net.to_tensor(pictures.begin(), pictures.end(), input);
        net.subnet().forward(input);
        output(net).host();
    };
    forward();
    write_tensor(argv[4], output(net));
    return serve(forward);
}

template <typename Net>
int run(int argc, char** argv, long rows, long columns) {
    return run<Net>(argc, argv, rows, columns,
                    [](Net& net) -> const dlib::tensor& { return net.subnet().get_output(); });
}

}  // namespace bench
