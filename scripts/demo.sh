#!/bin/sh
# What `make demo` shows: the main job from end to end, offline, on the sample that covcat brings.
set -eu
covcat="$BIN/covcat --data-dir $DATA"

run() {
    printf '\n$ covcat %s\n' "$*"
    $covcat "$@"
}

run list --modality ct --format table
run show sample
run fetch sample --offline
run fetch sample --offline
run verify sample
run status --format table
printf '\n$ (cd …/sample/1 && sha256sum --check --quiet SHA256SUMS) && echo whole\n'
if command -v sha256sum >/dev/null; then
    (cd "$DATA/sample/1" && sha256sum --check --quiet SHA256SUMS) && echo whole
else
    echo 'left out: sha256sum is not installed'
fi
printf '\n$ ls "$(covcat path sample)"\n'
ls "$($covcat path sample)"
printf '\nThe data is in %s. Next: %s fetch figure1 (14.9 MB, needs the network)\n' "$DATA" "$covcat"
