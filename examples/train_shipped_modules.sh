#!/usr/bin/env bash
# Train the AFD modules that `--afd auto` and `--afd best` take from weights/, for the minutes in
# STEM_MINUTES, BEST_MINUTES and INPUT_MINUTES; 0 leaves one out. No best module ships so far, so
# BEST_MINUTES is 0 unless it is set. examples/write_card.py writes their cards.
#
#   examples/train_shipped_modules.sh IMAGENET_SAMPLES BSDS CALTECH101 BACKBONES WORK
#
# IMAGENET_SAMPLES, BSDS, CALTECH101: folders of good, unlabelled photos. BACKBONES: a folder with
# real_backbones.py, which registers MobileNetV1, and mobilenetv1_075_tf.safetensors. WORK: for
# checkpoints. Needs the extra afdcli[lite].
set -euo pipefail
samples=$1 bsds=$2 caltech=$3 backbones=$4 work=$5
mkdir -p "$work"

# trained MINUTES NAME OPTION...: one module.
trained() {
    local minutes=$1 name=$2
    shift 2
    [ "$minutes" = 0 ] || afd train --minutes "$minutes" --out "$work/$name.safetensors" "$@"
}

default=tf_efficientnet_lite0
trained "${STEM_MINUTES:-66}" $default.stem --backbone $default --preset light --data "$samples"
trained "${BEST_MINUTES:-0}" $default.best --backbone $default --preset best --data "$samples" \
    --init "$work/$default.stem.safetensors"
# The one that ships was trained three times, for 50, 60 and 36 minutes, each from the last on
# (--init); the first time without CALTECH101 and EfficientNet-Lite1.
trained "${INPUT_MINUTES:-146}" any.input --plug input --side 176 \
    --data "$samples" --data "$bsds" --data "$caltech" --import "$backbones/real_backbones.py" \
    --backbone $default --backbone tf_efficientnet_lite1 --backbone tf_efficientnet_lite2 \
    --backbone "mobilenetv1_075_tf=$backbones/mobilenetv1_075_tf.safetensors"
