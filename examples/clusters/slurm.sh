#!/bin/sh
# SLURM: sbatch --array=1-16 examples/clusters/slurm.sh PHOTOS OUT
# Every task takes its share of the files; a task that was requeued goes on where it stopped.
#SBATCH --cpus-per-task=8
#SBATCH --mem=16G
#SBATCH --time=12:00:00
#SBATCH --requeue
photos=$1
out=$2
part="$SLURM_ARRAY_TASK_ID/$SLURM_ARRAY_TASK_COUNT"
mkdir -p "$out"
afd classify "$photos" --backbone resnet50 --shard "$part" --resume \
    --out "$out/part-$SLURM_ARRAY_TASK_ID.csv"
code=$?
# 1: some images failed, and stand in the results as such; the job is done all the same.
[ "$code" -eq 1 ] && exit 0
exit "$code"
