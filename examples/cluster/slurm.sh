#!/bin/sh
# A run under Slurm, on a file system that all nodes see:
#   screener scan /data/in -o /data/out/run --cluster plan
#   sbatch slurm.sh /data/out/run
#SBATCH --job-name=screener
#SBATCH --array=0-63
#SBATCH --cpus-per-task=2
#SBATCH --mem=4G
#SBATCH --time=12:00:00
#SBATCH --requeue
#SBATCH --signal=B:TERM@60
exec screener cluster work "$1" --cpus "$SLURM_CPUS_PER_TASK" --scratch "${SLURM_TMPDIR:-/tmp}/screener-$SLURM_JOB_ID"
