#!/usr/bin/env python3
"""Prints core/base/crc32c_table.c: eight tables for CRC-32C, eight bytes at a time.

Table 0 is the classic one (the CRC of one byte); table k is table 0 followed by k zero bytes, so
that eight look-ups, one from each, advance the checksum over eight bytes at once.

    scripts/generate-crc32c-table.py > core/base/crc32c_table.c
"""
POLYNOMIAL = 0x82F63B78  # 0x1EDC6F41 with its bits reversed


def tables():
    first = []
    for byte in range(256):
        crc = byte
        for _ in range(8):
            crc = (crc >> 1) ^ (POLYNOMIAL if crc & 1 else 0)
        first.append(crc)
    result = [first]
    for _ in range(7):
        last = result[-1]
        result.append([(crc >> 8) ^ first[crc & 0xFF] for crc in last])
    return result


def main():
    print("/* Written by scripts/generate-crc32c-table.py; crc32c_test.c checks it bit by bit. */")
    print('#include "core/base/crc32c_paths.h"\n')
    print("/* clang-format off */")
    print("const uint32_t de_crc32c_table[8][256] = {")
    for table in tables():
        print("    {")
        for row in range(0, 256, 8):
            print("    " + ", ".join("0x%08x" % crc for crc in table[row:row + 8]) + ",")
        print("    },")
    print("};")


main()
