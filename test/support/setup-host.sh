#!/usr/bin/env bash
# Installs what the tests need beside Node, from Debian's packages; quick when all of it is there. Needs root.
set -euo pipefail

# program:package
needed=(
  gcc:gcc g++:g++ make:make python3:python3 musl-gcc:musl-tools
  clang:clang clang-tidy:clang-tidy clang-format:clang-format
  busybox:busybox-static debootstrap:debootstrap redis-server:redis-server redis-cli:redis-tools
  ip:iproute2 nft:nftables iptables:iptables strace:strace zstd:zstd getfattr:attr setfattr:attr
  docker-registry:docker-registry openssl:openssl perl:perl-base setpriv:util-linux
  dig:bind9-dnsutils dnsmasq:dnsmasq-base
  mkfs.ext4:e2fsprogs mkfs.xfs:xfsprogs mkfs.btrfs:btrfs-progs losetup:mount
  skopeo:skopeo umoci:umoci podman:podman crun:crun dockerd:docker.io
  docker-compose:docker-compose curl:curl
  git:git ssh-add:openssh-client xz:xz-utils bzip2:bzip2
)

packages=()
for pair in "${needed[@]}"; do
  command -v "${pair%%:*}" >/dev/null || packages+=("${pair#*:}")
done
# The dynamic busybox does for a user, but an image wants the static one.
[[ -x /bin/busybox ]] && ! ldd /bin/busybox >/dev/null 2>&1 || packages+=(busybox-static)
# clang's fuzzer and sanitizers are a package of their own.
fuzzer=libclang_rt.fuzzer-$(uname -m).a
[[ -e $(clang -print-file-name="$fuzzer" 2>/dev/null) ]] || packages+=(libclang-rt-dev)
((${#packages[@]})) || exit 0

command -v apt-get >/dev/null || { echo "setup-host.sh: install these for your distribution: ${packages[*]}" >&2; exit 1; }
[[ $(id -u) = 0 ]] || { echo "setup-host.sh: needs root: sudo $0" >&2; exit 1; }
echo "setup-host.sh: installing ${packages[*]}" >&2
export DEBIAN_FRONTEND=noninteractive
# RUNLEVEL=1 keeps the packages' own services from being started; the lock is waited for, since others install too.
apt=(env RUNLEVEL=1 apt-get -qq -y -o DPkg::Lock::Timeout=300)
apt_retried() {
  local attempt
  for attempt in 1 2 3 4 5; do
    "${apt[@]}" "$@" >/dev/null && return
    sleep 5
  done
  return 1
}
apt_retried update
apt_retried install --no-install-recommends "${packages[@]}"
