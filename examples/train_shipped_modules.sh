#!/usr/bin/env bash
# Train the AFD modules that ship in weights/, leaving the test split out. About 90 minutes on two
# cores. README, "Results", has the commands that measure them. The input module begins with two
# light classifiers, and goes on with a heavy one beside them.
#
#   examples/train_shipped_modules.sh CALTECH101 MORE_PHOTOS BACKBONES WORK
#
# MORE_PHOTOS: a folder of good unlabelled photos. BACKBONES: a folder with the ImageNet classifiers
# that the input module is trained through (a file real_backbones.py that registers them, and
# resnet50_v1.safetensors and mobilenetv1_075_tf.safetensors). WORK: for checkpoints.
set -euo pipefail
caltech=$1 more=$2 backbones=$3 work=$4
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$work"

afd train --backbone afd_resnet12 --preset nano --data "$caltech" --data "$more" \
    --exclude "$here/caltech101_test.txt" --minutes "${STEM_MINUTES:-6}" \
    --out "$work/afd_resnet12.stem.safetensors"

train_input() {
    afd train --plug input --side 176 --data "$caltech" --data "$more" \
        --exclude "$here/caltech101_test.txt" --import "$backbones/real_backbones.py" \
        --backbone "mobilenetv1_075_tf=$backbones/mobilenetv1_075_tf.safetensors" \
        --backbone afd_resnet12 "$@"
}

train_input --minutes "${LIGHT_MINUTES:-25}" --out "$work/light.input.safetensors"

train_input --backbone "resnet50_v1=$backbones/resnet50_v1.safetensors" \
    --init "$work/light.input.safetensors" --lr 2e-3 --minutes "${INPUT_MINUTES:-60}" \
    --out "$work/any.input.safetensors"
