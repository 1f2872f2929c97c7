#!/usr/bin/env bash
# Train the AFD modules that ship in weights/, leaving the test split out. About 40 minutes on two
# cores with bfloat16 units. README, "Results", has the commands that measure them. (The input module
# that ships had 12 minutes at first, and was then resumed to 34.)
#
#   examples/train_shipped_modules.sh CALTECH101 MORE_PHOTOS BACKBONES WORK
#
# MORE_PHOTOS: a folder of good unlabelled photos. BACKBONES: a folder with the ImageNet classifiers
# that the input module is trained through (a file real_backbones.py that registers them, and
# resnet50_v1.safetensors and mobilenetv2_tf.safetensors). WORK: for checkpoints.
set -euo pipefail
caltech=$1 more=$2 backbones=$3 work=$4
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$work"

afd train --backbone afd_resnet12 --preset nano --data "$caltech" --data "$more" \
    --exclude "$here/caltech101_test.txt" --minutes "${STEM_MINUTES:-6}" \
    --out "$work/afd_resnet12.stem.safetensors"

afd train --plug input --side 176 --data "$caltech" --data "$more" \
    --exclude "$here/caltech101_test.txt" --minutes "${INPUT_MINUTES:-34}" \
    --import "$backbones/real_backbones.py" \
    --backbone "resnet50_v1=$backbones/resnet50_v1.safetensors" \
    --backbone "mobilenetv2_tf=$backbones/mobilenetv2_tf.safetensors" \
    --backbone afd_resnet12 --out "$work/any.input.safetensors"
