#!/usr/bin/env bash
# Builds the images that the tests run, from Debian's packages, as archives in a cache outside the tree.
#
#   images.sh [IMAGE...]     busybox debian nettools redis nginx postgres mariadb flask registry; none named: all
#
# Prints the directory that holds them: IMAGE.tar is a docker-archive. busybox also comes as busybox.tar.gz, as the OCI
# layouts busybox.oci/ (gzip layer), busybox.oci.tar and busybox.oci-zstd.tar, and as busybox.rootfs.tar, a plain root
# filesystem. Needs root and Debian; `setup-host.sh` installs the rest.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
source "$here/images/archive.sh"
source "$here/images/layers.sh"
source "$here/images/catalogue.sh"

cache=${INBOARD_TEST_CACHE:-${HOME:-/root}/.cache/inboard-test-images}
wanted=("$@")
((${#wanted[@]})) || wanted=("${image_names[@]}")
for name in "${wanted[@]}"; do
  [[ " ${image_names[*]} " == *" $name "* ]] || { echo "images.sh: no image '$name'; there are: ${image_names[*]}" >&2; exit 2; }
done

# An image is what the script and the packages make of it: a change of either is another directory.
cache_key() {
  {
    cat "$here/images.sh" "$here"/images/*.sh
    apt-cache show --no-all-versions base-files busybox-static ${image_packages[*]} | grep -E '^(Package|Version):'
  } | sha256sum | cut -c1-16
}
[[ -n $(apt-cache policy redis-server) ]] || apt-get update -qq >&2
output=$cache/$(cache_key)

missing() {
  local name
  for name in "${wanted[@]}"; do [[ -e $output/$name.tar ]] || echo "$name"; done
}
if [[ -z $(missing) ]]; then
  echo "$output"
  exit
fi

[[ $(id -u) = 0 ]] || { echo 'images.sh: needs root: sudo test/support/images.sh' >&2; exit 1; }
for tool in debootstrap zstd unshare; do
  command -v "$tool" >/dev/null || { echo "images.sh: $tool is missing: run test/support/setup-host.sh" >&2; exit 1; }
done
# The mounts that layers need are made in a mount namespace that ends with this process, however it ends.
if [[ -z ${INBOARD_IMAGES_NAMESPACE:-} ]]; then
  exec env INBOARD_IMAGES_NAMESPACE=1 unshare --mount --propagation private "${BASH_SOURCE[0]}" "$@"
fi

mkdir -p "$output/layers"
exec 9>"$cache/lock"
flock 9
find "$cache" -mindepth 1 -maxdepth 1 -type d ! -path "$output" -mtime +14 -exec rm -rf {} +
work=$(mktemp -d "$cache/work.XXXXXX")
# Upper layers are unpacked on a tmpfs: overlay cannot have its upper on another overlay, and nothing here needs fsync.
mount -t tmpfs -o mode=755 tmpfs "$work"
trap 'umount -R "$work"; rmdir "$work"' EXIT

for name in $(missing); do
  started=$(date +%s%N)
  "build_$name" >&2
  printf 'images.sh: %s in %d ms\n' "$name" $((($(date +%s%N) - started) / 1000000)) >&2
done
echo "$output"
