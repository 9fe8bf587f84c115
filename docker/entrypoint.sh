#!/bin/sh
# Starts `seismic` with the kernels that were compiled into the image.
#
# Numba refuses a cache that it cannot write to, and the image's own is read-only: copy it to $SEISMIC_CACHE_DIR, a
# volume or tmpfs. What an earlier start left there, perhaps compiled for this CPU, stays.
set -eu

baked=${SEISMIC_BAKED_CACHE:-/opt/seismic/cache}
if [ -d "$baked" ]; then
  if mkdir -p "$SEISMIC_CACHE_DIR" && [ -w "$SEISMIC_CACHE_DIR" ]; then
    for folder in "$baked"/kernels/*; do
      [ -d "$folder" ] || continue
      name=kernels/$(basename "$folder")
      [ -e "$SEISMIC_CACHE_DIR/$name" ] && continue
      mkdir -p "$SEISMIC_CACHE_DIR/kernels"
      copy=$(mktemp -d "$SEISMIC_CACHE_DIR/kernels/.copy-XXXXXX") # renamed when whole: several containers may share it
      cp -R "$folder/." "$copy"
      mv -T "$copy" "$SEISMIC_CACHE_DIR/$name" 2>/dev/null || rm -rf "$copy"
    done
  else
    echo "entrypoint: $SEISMIC_CACHE_DIR is not writable, so kernels are compiled at every start; mount a volume or tmpfs there" >&2
  fi
fi
unset SEISMIC_BAKED_CACHE
exec seismic "$@"
