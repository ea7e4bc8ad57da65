#!/bin/sh
# Assembles stub.S into the flat binary stub.bin (GNU as and ld).
set -e
out=${1:-stub.bin}
object=$(mktemp)
trap 'rm -f "$object"' EXIT
as --64 -o "$object" stub.S
ld -m elf_x86_64 -Ttext 0x100000 -e start --oformat binary -o "$out" "$object"
chmod 644 "$out"
