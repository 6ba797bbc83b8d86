# Layers: directories made by Debian's own tools, packed as tar files in $output/layers, each made once.
# Uses $output, $work.

# pack NAME DIRECTORY: writes the layer NAME aside and renames it.
pack() {
  local layer=$output/layers/$1.tar
  overlay_to_whiteouts "$2"
  tar --create --file "$layer.part" --directory "$2" --sort=name --numeric-owner --format=pax \
    --pax-option=delete=atime,delete=ctime --xattrs --xattrs-include='security.*' --xattrs-include='user.*' .
  mv "$layer.part" "$layer"
}

# Overlay marks a removed name by a 0:0 character device and a replaced directory by an attribute; layers by `.wh.` names.
overlay_to_whiteouts() {
  local path
  while IFS= read -r -d '' path; do
    [[ $(stat -c %t:%T "$path") = 0:0 ]] || continue
    rm "$path"
    : >"${path%/*}/.wh.${path##*/}"
  done < <(find "$1" -type c -print0)
  while IFS= read -r path; do
    : >"$path/.wh..wh..opq"
  done < <(getfattr -RhP --absolute-names --match='^trusted\.overlay\.opaque$' "$1" | sed -n 's/^# file: //p')
}

busybox_layer() {
  [[ -e $output/layers/busybox.tar ]] && return
  local root=$work/busybox
  mkdir -p "$root"/{bin,dev,etc,home,proc,root,sys,usr/sbin,usr/bin,var/www,tmp}
  chmod 1777 "$root/tmp"
  chmod 700 "$root/root"
  cp /bin/busybox "$root/bin/busybox"
  chroot "$root" /bin/busybox --install -s /bin
  cat >"$root/etc/passwd" <<'END'
root:x:0:0:root:/root:/bin/sh
daemon:x:1:1:daemon:/usr/sbin:/bin/false
www-data:x:33:33:www-data:/var/www:/bin/false
nobody:x:65534:65534:nobody:/home:/bin/false
END
  cat >"$root/etc/group" <<'END'
root:x:0:
daemon:x:1:
wheel:x:10:root,daemon
www-data:x:33:
nogroup:x:65534:
END
  pack busybox "$root"
}

debian_layer() {
  [[ -e $output/layers/debian.tar ]] && return
  local root=$work/debian
  debootstrap --variant=minbase --merged-usr "$(. /etc/os-release && echo "$VERSION_CODENAME")" "$root" >/dev/null
  cat >"$root/etc/dpkg/dpkg.cfg.d/inboard-test" <<'END'
force-unsafe-io
path-exclude=/usr/share/doc/*
path-exclude=/usr/share/info/*
path-exclude=/usr/share/locale/*
path-exclude=/usr/share/man/*
END
  rm -rf "$root"/dev/* "$root"/usr/share/{doc,info,locale,man}/* "$root"/var/cache/apt/* "$root"/var/lib/apt/lists/* \
    "$root"/var/log/* "$root"/etc/{hostname,resolv.conf}
  pack debian "$root"
}

# package_layer NAME PACKAGE...: the packages and what they need, installed over the debian layer. The function
# `customise_NAME ROOT`, where there is one, finishes the root from outside.
package_layer() {
  local name=$1
  shift
  [[ -e $output/layers/$name.tar ]] && return
  debian_layer
  local base=$work/debian place=$work/$name
  [[ -d $base ]] || { mkdir "$base" && tar --extract --file "$output/layers/debian.tar" --directory "$base" --numeric-owner --xattrs; }
  mkdir -p "$place"/{upper,work,root,debs/partial}
  mount -t overlay -o "lowerdir=$base,upperdir=$place/upper,workdir=$place/work,redirect_dir=off,metacopy=off" overlay "$place/root"
  install_packages "$place/root" "$place/debs" "$@"
  if declare -F "customise_$name" >/dev/null; then "customise_$name" "$place/root"; fi
  umount -R "$place/root"
  pack "$name" "$place/upper"
  rm -rf "$place"
}

# Downloaded by the host's apt, which knows the mirrors and proxies; installed by the root's own.
install_packages() {
  local root=$1 debs=$2
  shift 2
  local quiet=(-qq -y --no-install-recommends -o Dpkg::Use-Pty=0 -o APT::Sandbox::User=root)
  apt-get "${quiet[@]}" --download-only -o Dir::State::status="$root/var/lib/dpkg/status" \
    -o Dir::State::extended_states=/dev/null -o Dir::Cache::archives="$debs" -o Debug::NoLocking=1 install "$@" >/dev/null
  mount --bind /dev "$root/dev"
  mount -t proc proc "$root/proc"
  mount -t tmpfs tmpfs "$root/tmp"
  printf '#!/bin/sh\nexit 101\n' >"$root/usr/sbin/policy-rc.d"
  chmod 755 "$root/usr/sbin/policy-rc.d"
  mkdir "$root/tmp/debs"
  mount --bind "$debs" "$root/tmp/debs"
  DEBIAN_FRONTEND=noninteractive LC_ALL=C chroot "$root" sh -c 'apt-get "$@" install /tmp/debs/*.deb' sh "${quiet[@]}" >"$debs/log" 2>&1 </dev/null ||
    { cat "$debs/log" >&2; return 1; }
  umount "$root/tmp/debs" "$root/tmp" "$root/proc" "$root/dev"
  rm -rf "$root/usr/sbin/policy-rc.d" "$root"/var/cache/apt/* "$root"/var/lib/apt/lists/* "$root"/var/log/{apt,dpkg.log,alternatives.log} \
    "$root"/var/cache/ldconfig
}
