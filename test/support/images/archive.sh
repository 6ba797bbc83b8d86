# Image archives, written from the layers in $output/layers. Uses $output, $work.

digest() { sha256sum "$1" | cut -d' ' -f1; }

machine() { dpkg --print-architecture; }

# image_config CONFIG LAYER...: the image's configuration document, the same for both formats.
image_config() {
  local config=$1 layer diff_ids='' history=''
  shift
  for layer; do
    diff_ids+=${diff_ids:+,}"\"sha256:$(digest "$output/layers/$layer.tar")\""
    history+=${history:+,}"{\"created\":\"2024-01-01T00:00:00Z\",\"created_by\":\"$layer from Debian's packages\"}"
  done
  printf '{"created":"2024-01-01T00:00:00Z","architecture":"%s","os":"linux","config":%s,"rootfs":{"type":"layers","diff_ids":[%s]},"history":[%s]}' \
    "$(machine)" "$config" "$diff_ids" "$history"
}

# docker_archive NAME TAG CONFIG LAYER...: $output/NAME.tar as `docker save` writes it.
docker_archive() {
  local name=$1 tag=$2 config=$3 directory=$work/archive layer sum layers=''
  shift 3
  rm -rf "$directory"
  mkdir "$directory"
  image_config "$config" "$@" >"$directory/config"
  sum=$(digest "$directory/config")
  mv "$directory/config" "$directory/$sum.json"
  local entries=("manifest.json" "$sum.json")
  for layer; do
    layers+=${layers:+,}"\"$layer/layer.tar\""
    mkdir "$directory/$layer"
    ln -s "$output/layers/$layer.tar" "$directory/$layer/layer.tar"
    entries+=("$layer/layer.tar")
  done
  printf '[{"Config":"%s.json","RepoTags":["%s"],"Layers":[%s]}]' "$sum" "$tag" "$layers" >"$directory/manifest.json"
  tar --create --dereference --file "$output/$name.tar.part" --directory "$directory" --numeric-owner --owner=0 --group=0 "${entries[@]}"
  mv "$output/$name.tar.part" "$output/$name.tar"
}

# put_blob DIRECTORY MEDIATYPE FILE: moves the file among the blobs and prints its descriptor.
put_blob() {
  local sum size
  sum=$(digest "$3")
  size=$(stat -c %s "$3")
  mv "$3" "$1/blobs/sha256/$sum"
  printf '{"mediaType":"%s","digest":"sha256:%s","size":%s}' "$2" "$sum" "$size"
}

# oci_layout DIRECTORY TAG gzip|zstd CONFIG LAYER...: an OCI image layout with compressed layers.
oci_layout() {
  local directory=$1 tag=$2 compression=$3 config=$4 layer layers='' descriptor manifest
  shift 4
  rm -rf "$directory"
  mkdir -p "$directory/blobs/sha256"
  printf '{"imageLayoutVersion":"1.0.0"}' >"$directory/oci-layout"
  for layer; do
    case $compression in
      gzip) gzip -nc "$output/layers/$layer.tar" ;;
      zstd) zstd -qc "$output/layers/$layer.tar" ;;
    esac >"$directory/blob"
    descriptor=$(put_blob "$directory" "application/vnd.oci.image.layer.v1.tar+$compression" "$directory/blob")
    layers+=${layers:+,}$descriptor
  done
  image_config "$config" "$@" >"$directory/blob"
  descriptor=$(put_blob "$directory" application/vnd.oci.image.config.v1+json "$directory/blob")
  printf '{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":%s,"layers":[%s]}' \
    "$descriptor" "$layers" >"$directory/blob"
  manifest=$(put_blob "$directory" application/vnd.oci.image.manifest.v1+json "$directory/blob")
  printf '{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[%s]}' \
    "${manifest%\}},\"platform\":{\"architecture\":\"$(machine)\",\"os\":\"linux\"},\"annotations\":{\"org.opencontainers.image.ref.name\":\"$tag\"}}" \
    >"$directory/index.json"
}
