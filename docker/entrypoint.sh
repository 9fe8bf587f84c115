#!/bin/sh
# Start `seismic` with the kernels that were compiled into the image, and with an API key.
set -eu

# The image listens on every address, so it must not serve without a key by default: the first start creates one.
if [ "${1:-}" = serve ]; then
  keys=${SEISMIC_KEYS_FILE:-none}
  if [ "$keys" = none ]; then
    unset SEISMIC_KEYS_FILE
  elif [ ! -e "$keys" ]; then
    if ! key=$(seismic keys create --keys-file "$keys" --name first --role admin); then
      echo "entrypoint: cannot write $keys; mount a volume there, or set SEISMIC_KEYS_FILE=none to serve without keys" >&2
      exit 1
    fi
    echo "entrypoint: created the admin key $key in $keys; it is not shown again" >&2
  fi
fi

# Numba refuses a read-only cache such as the image's own, so copy it to $SEISMIC_CACHE_DIR, a volume or tmpfs. What an
# earlier start left there, perhaps compiled for this CPU, stays.

baked=${SEISMIC_BAKED_CACHE:-/opt/seismic/cache}
if [ -d "$baked" ]; then
  if mkdir -p "$SEISMIC_CACHE_DIR" && [ -w "$SEISMIC_CACHE_DIR" ]; then
    for folder in "$baked"/kernels/*; do
      [ -d "$folder" ] || continue
      name=kernels/$(basename "$folder")
      [ -e "$SEISMIC_CACHE_DIR/$name" ] && continue
      mkdir -p "$SEISMIC_CACHE_DIR/kernels"
      copy=$(mktemp -d "$SEISMIC_CACHE_DIR/kernels/.copy-XXXXXX") # renamed once complete: containers may share it
      cp -R "$folder/." "$copy"
      mv -T "$copy" "$SEISMIC_CACHE_DIR/$name" 2>/dev/null || rm -rf "$copy"
    done
  else
    echo "entrypoint: $SEISMIC_CACHE_DIR is not writable, so kernels are compiled at every start; mount a volume or tmpfs there" >&2
  fi
fi
unset SEISMIC_BAKED_CACHE
exec seismic "$@"
