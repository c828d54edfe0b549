/* A race on purpose, inside an OpenMP region: the thread sanitizer must report it, or the other
 * tests of that build prove nothing about the kernels. Also reads what a region wrote, which must
 * not be reported: with an argument, the program does only that. */
#include <stdio.h>

enum { COUNT = 64, ROUNDS = 1000 };

int main(int argc, char **argv) {
    static int squares[COUNT];
    int total = 0, shared = 0;
    for (int round = 0; round < ROUNDS; round++) {
#pragma omp parallel for num_threads(2) schedule(static)
        for (int i = 0; i < COUNT; i++) squares[i] += i * i;
        for (int i = 0; i < COUNT; i++) total += squares[i] & 1;
    }
    if (argc < 2) {
#pragma omp parallel for num_threads(2) schedule(static)
        for (int i = 0; i < COUNT; i++) shared += i;
    }
    printf("%s: %d %d\n", argv[0], total, shared);
    return 0;
}
