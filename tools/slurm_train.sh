#!/usr/bin/env bash
# PARTITION JOB CONFIG [options of train.py]; set GPUS, GPUS_PER_NODE, CPUS_PER_TASK, SRUN_ARGS
set -euo pipefail
if (($# < 3)); then
    echo "usage: $0 PARTITION JOB CONFIG [options of train.py]" >&2
    exit 2
fi
PARTITION=$1
JOB=$2
CONFIG=$3
GPUS=${GPUS:-8}
GPUS_PER_NODE=${GPUS_PER_NODE:-$((GPUS < 8 ? GPUS : 8))}
export MASTER_PORT=${MASTER_PORT:-$((20000 + RANDOM % 20000))} # two jobs may share a node
srun -p "$PARTITION" --job-name="$JOB" --gres=gpu:"$GPUS_PER_NODE" --ntasks="$GPUS" \
    --ntasks-per-node="$GPUS_PER_NODE" --cpus-per-task="${CPUS_PER_TASK:-5}" --kill-on-bad-exit=1 ${SRUN_ARGS:-} \
    python -u "$(dirname "$0")/train.py" "$CONFIG" --launcher slurm "${@:4}"
