/** One migration a version: `migrations[n]` takes a store from version n to n + 1. Never edited once released. */
export const migrations: readonly string[] = [
  `
  CREATE TABLE images (
    id          TEXT PRIMARY KEY,               -- digest of the configuration blob: Docker's image ID
    config      TEXT NOT NULL,                  -- the configuration document, as its bytes are
    manifest    TEXT,                           -- digest of the manifest it was loaded with, if any
    size        INTEGER NOT NULL,               -- bytes of all layers' files
    created_at  TEXT NOT NULL                   -- RFC 3339, from the configuration
  ) STRICT;

  CREATE TABLE image_layers (
    image       TEXT NOT NULL REFERENCES images ON DELETE CASCADE,
    position    INTEGER NOT NULL,               -- 0: lowest
    diff_id     TEXT NOT NULL,
    chain_id    TEXT NOT NULL,
    blob        TEXT,                           -- digest of the blob as it came (compressed or not)
    media_type  TEXT,
    PRIMARY KEY (image, position)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX image_layers_by_chain ON image_layers (chain_id);

  CREATE TABLE tags (
    reference   TEXT PRIMARY KEY,               -- normalised: docker.io/library/redis:7
    image       TEXT NOT NULL REFERENCES images ON DELETE CASCADE
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX tags_by_image ON tags (image);

  CREATE TABLE snapshots (
    chain_id    TEXT PRIMARY KEY,
    parent      TEXT,
    diff_id     TEXT NOT NULL,
    size        INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE containers (
    id          TEXT PRIMARY KEY,
    name        TEXT NOT NULL UNIQUE,
    image       TEXT NOT NULL REFERENCES images, -- an image in use cannot go
    reference   TEXT NOT NULL,                  -- the image's name as the caller gave it
    created_at  INTEGER NOT NULL,               -- ms
    phase       TEXT NOT NULL,                  -- created | started | exited | removing | dead
    attempt     INTEGER NOT NULL DEFAULT 0,     -- number of starts
    boot_id     TEXT,                           -- boot during which the last start happened
    config      TEXT NOT NULL,                  -- ContainerConfig
    outcome     TEXT                            -- of the last run: exit code, times, error
  ) STRICT;
  CREATE INDEX containers_by_image ON containers (image);
  `,
  `
  ALTER TABLE images ADD COLUMN parent TEXT REFERENCES images;  -- the local image it was committed from: stays as long as this one
  CREATE INDEX images_by_parent ON images (parent);
  ALTER TABLE images ADD COLUMN tagged_at INTEGER;              -- ms, of the last name it was given

  -- Which blob a registry's repository has for a layer: what can be mounted or need not be sent again.
  CREATE TABLE remote_layers (
    diff_id     TEXT NOT NULL,
    repository  TEXT NOT NULL,                  -- docker.io/library/redis
    digest      TEXT NOT NULL,
    size        INTEGER NOT NULL,
    media_type  TEXT NOT NULL,
    PRIMARY KEY (diff_id, repository)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX image_layers_by_diff ON image_layers (diff_id);

  ALTER TABLE images ADD COLUMN is_removed INTEGER NOT NULL DEFAULT 0;  -- 1: of its containers only, and gone with the last of them

  -- Of what is not known to be on the disk yet: the boot during which it was recorded, '/', and which record it was.
  ALTER TABLE images ADD COLUMN unsynced TEXT;
  ALTER TABLE snapshots ADD COLUMN unsynced TEXT;
  CREATE INDEX images_unsynced ON images (unsynced) WHERE unsynced IS NOT NULL;
  CREATE INDEX snapshots_unsynced ON snapshots (unsynced) WHERE unsynced IS NOT NULL;
  `,
  `
  CREATE TABLE networks (
    id          TEXT PRIMARY KEY,               -- 64 hex digits
    name        TEXT NOT NULL,
    created_at  INTEGER NOT NULL,               -- ms
    definition  TEXT NOT NULL,                  -- NetworkDefinition
    is_removed  INTEGER NOT NULL DEFAULT 0      -- 1: what the kernel has of it is being removed; its name is free
  ) STRICT;
  CREATE UNIQUE INDEX networks_by_name ON networks (name) WHERE NOT is_removed;

  -- A container's places on networks. A network may go while a container that does not run is on it.
  CREATE TABLE endpoints (
    container   TEXT NOT NULL REFERENCES containers ON DELETE CASCADE,
    network     TEXT NOT NULL,
    name        TEXT NOT NULL,                  -- the network's, as it was when it was connected
    position    INTEGER NOT NULL,               -- in the order they were connected: 0 is eth0
    settings    TEXT NOT NULL,                  -- EndpointSettings
    -- Of a run; all null while the container has none.
    attempt     INTEGER,
    active      TEXT,                           -- ActiveEndpoint
    ipv4        BLOB,                           -- 4 bytes
    ipv6        BLOB,                           -- 16 bytes
    PRIMARY KEY (container, network)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX endpoints_by_network ON endpoints (network);
  CREATE INDEX endpoints_linking ON endpoints (network) WHERE json_array_length(settings, '$.links') > 0;
  CREATE UNIQUE INDEX endpoints_by_ipv4 ON endpoints (network, ipv4) WHERE ipv4 IS NOT NULL;
  CREATE UNIQUE INDEX endpoints_by_ipv6 ON endpoints (network, ipv6) WHERE ipv6 IS NOT NULL;

  -- Ports of the host that lead to a container while it runs.
  CREATE TABLE ports (
    container    TEXT NOT NULL REFERENCES containers ON DELETE CASCADE,
    attempt      INTEGER NOT NULL,
    protocol     TEXT NOT NULL,
    host_address TEXT NOT NULL,
    host_port    INTEGER NOT NULL,
    port         INTEGER NOT NULL,
    PRIMARY KEY (protocol, host_port, host_address)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX ports_by_container ON ports (container);

  -- Links on the default bridge: the alias that a container knows another by.
  CREATE TABLE links (
    container    TEXT NOT NULL REFERENCES containers ON DELETE CASCADE,
    alias        TEXT NOT NULL,
    target       TEXT NOT NULL REFERENCES containers ON DELETE CASCADE,
    position     INTEGER NOT NULL,
    PRIMARY KEY (container, alias)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX links_by_target ON links (target);

  ALTER TABLE containers ADD COLUMN shares_network TEXT;  -- the id of the container whose network namespace this run has
  `,
  `
  CREATE TABLE volumes (
    name         TEXT PRIMARY KEY,
    driver       TEXT NOT NULL,
    created_at   INTEGER NOT NULL,              -- ms
    is_anonymous INTEGER NOT NULL,              -- 1: it got its name by itself
    labels       TEXT NOT NULL,                 -- name → value
    options      TEXT NOT NULL,                 -- of the driver: name → value
    state        TEXT NOT NULL,                 -- creating (by whoever holds its lock) | ready | removing
    layers       TEXT NOT NULL DEFAULT '[]',    -- what it is over, shared with its clones: ids, top first; of local ones
    rebasing     TEXT                           -- the layer that its own directory is becoming
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX volumes_unfinished ON volumes (state) WHERE state <> 'ready' OR rebasing IS NOT NULL;

  -- Which containers refer to a volume, whether they run or not: it cannot go before them.
  CREATE TABLE volume_uses (
    container    TEXT NOT NULL REFERENCES containers ON DELETE CASCADE,
    volume       TEXT NOT NULL REFERENCES volumes,
    is_anonymous INTEGER NOT NULL,              -- 1: it goes when this container is removed with its volumes and no other has it
    PRIMARY KEY (container, volume)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX volume_uses_by_volume ON volume_uses (volume);

  -- What drivers have mounted for runs. Stays until it is unmounted, whatever becomes of the container.
  CREATE TABLE volume_mounts (
    volume       TEXT NOT NULL,
    container    TEXT NOT NULL,
    attempt      INTEGER NOT NULL,
    path         TEXT,                          -- on the host; null while it is being mounted
    PRIMARY KEY (volume, container, attempt)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX volume_mounts_by_container ON volume_mounts (container);

  -- Images whose files are mounted in a container.
  CREATE TABLE image_uses (
    container    TEXT NOT NULL REFERENCES containers ON DELETE CASCADE,
    image        TEXT NOT NULL REFERENCES images,
    PRIMARY KEY (container, image)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX image_uses_by_image ON image_uses (image);

  ALTER TABLE containers ADD COLUMN mounts TEXT NOT NULL DEFAULT '[]';             -- MountPoint[]
  ALTER TABLE containers ADD COLUMN is_prepared INTEGER NOT NULL DEFAULT 1;        -- 0: its new volumes are still to be made and filled
  ALTER TABLE containers ADD COLUMN removes_volumes INTEGER NOT NULL DEFAULT 0;    -- 1: it is being removed with its anonymous volumes

  -- Until now every mount was a bind or a tmpfs, and nothing of an image was mounted but its root.
  UPDATE containers SET mounts = (
    SELECT json_group_array(json(CASE value ->> 'type'
      WHEN 'bind' THEN json_object('type', 'bind', 'destination', value ->> 'target', 'mode', CASE value ->> 'readOnly' WHEN 1 THEN 'ro' ELSE '' END,
        'readOnly', json(value -> 'readOnly'), 'source', value ->> 'source', 'propagation', value ->> 'propagation', 'recursive', 'enabled',
        'createSource', json(value -> 'createSource'))
      ELSE json_object('type', 'tmpfs', 'destination', value ->> 'target', 'mode', '', 'readOnly', json('false'), 'options', json(value -> 'options'),
        'syntax', 'tmpfs') END))
    FROM json_each(config, '$.mounts'));
  UPDATE containers SET config = json_set(config, '$.volumesFrom', json('[]'), '$.volumeDriver', '', '$.mounts', json((
    SELECT json_group_array(json(CASE value ->> 'type'
      WHEN 'bind' THEN json_patch(value, json_object('recursive', 'enabled', 'mode', CASE value ->> 'readOnly' WHEN 1 THEN 'ro' ELSE '' END,
        'syntax', CASE value ->> 'createSource' WHEN 1 THEN 'volume' ELSE 'mount' END))
      ELSE json_patch(value, json_object('syntax', 'tmpfs', 'readOnly', json('false'),
        'given', (SELECT group_concat(option.value) FROM json_each(mount.value, '$.options') AS option))) END))
    FROM json_each(config, '$.mounts') AS mount)));
  `,
  // 5: the whole life of a container
  `
  -- 1: somebody has stopped it, and nobody started it since: after a reboot it is not started again (unless-stopped).
  ALTER TABLE containers ADD COLUMN is_stopped INTEGER NOT NULL DEFAULT 0;

  UPDATE containers SET config = json_set(config, '$.restartPolicy', json('{"name":"no","maximumRetryCount":0}'));

  -- What has happened in a transaction and is not (surely) in the journal of events yet: root/events.jsonl.
  CREATE TABLE event_outbox (
    sequence     INTEGER PRIMARY KEY AUTOINCREMENT,
    at           TEXT NOT NULL,                 -- nanoseconds since the epoch
    event        TEXT NOT NULL                  -- EventDraft
  ) STRICT;

  UPDATE containers SET config = json_set(config, '$.deviceCgroupRules', json('[]'), '$.cgroupParent', '', '$.attached', json('true'),
    '$.log', json('{"driver":"json-file","options":{}}'));
  `,
  // 6: builds
  `
  -- What steps of builds have come to, to be found under any of their keys.
  CREATE TABLE build_steps (
    id           TEXT PRIMARY KEY,              -- 32 hex digits
    image        TEXT NOT NULL REFERENCES images,  -- the files it has come to: one that nobody sees, with these layers (is_removed)
    kind         TEXT NOT NULL,                 -- run | copy | add | workdir
    description  TEXT NOT NULL,                 -- the instruction, as the history tells it
    size         INTEGER NOT NULL,              -- bytes of the files of its own layer; 0: it has changed nothing
    created_at   INTEGER NOT NULL,              -- ms
    used_at      INTEGER NOT NULL,              -- ms
    uses         INTEGER NOT NULL               -- how often it was found
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX build_steps_by_image ON build_steps (image);

  CREATE TABLE build_step_keys (
    key          TEXT PRIMARY KEY,
    step         TEXT NOT NULL REFERENCES build_steps ON DELETE CASCADE
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX build_step_keys_by_step ON build_step_keys (step);

  -- When an image with the same content was built first: a build of nothing new makes the same image.
  CREATE TABLE build_images (
    key          TEXT PRIMARY KEY,
    created_at   INTEGER NOT NULL,              -- ms
    used_at      INTEGER NOT NULL               -- ms
  ) STRICT, WITHOUT ROWID;

  -- Images that a build under way is built from, or has come to: they stay as long as somebody works on it.
  CREATE TABLE build_uses (
    build        TEXT NOT NULL,
    image        TEXT NOT NULL REFERENCES images,
    PRIMARY KEY (build, image)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX build_uses_by_image ON build_uses (image);

  -- Containers that are steps of a build: gone when nobody works on that any more.
  CREATE TABLE workspaces (
    container    TEXT PRIMARY KEY REFERENCES containers ON DELETE CASCADE,
    build        TEXT NOT NULL
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX workspaces_by_build ON workspaces (build);

  -- Directories that are kept from build to build: cache mounts.
  CREATE TABLE build_caches (
    directory    TEXT PRIMARY KEY,              -- its name in root/build/caches
    name         TEXT NOT NULL,                 -- what builds call it; several directories of one name are private ones
    created_at   INTEGER NOT NULL,              -- ms
    used_at      INTEGER NOT NULL,              -- ms
    uses         INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX build_caches_by_name ON build_caches (name);
  `,
  // 7: snapshots of containers
  `
  CREATE TABLE container_snapshots (
    id           TEXT PRIMARY KEY,              -- 64 hex digits
    name         TEXT NOT NULL UNIQUE,
    created_at   INTEGER NOT NULL,              -- ms
    is_made      INTEGER NOT NULL DEFAULT 0,    -- 0: by whoever holds its lock
    image        TEXT REFERENCES images,        -- what clones are made of: one that nobody sees; null while it is being made
    rootfs_size  INTEGER NOT NULL DEFAULT 0,    -- bytes of the files that the container had made or changed
    document     TEXT NOT NULL                  -- SnapshotDocument
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX container_snapshots_by_image ON container_snapshots (image);

  -- The volumes of a snapshot: directories that its clones' volumes are over.
  CREATE TABLE snapshot_volumes (
    snapshot     TEXT NOT NULL REFERENCES container_snapshots ON DELETE CASCADE,
    position     INTEGER NOT NULL,              -- in the document's list
    layers       TEXT NOT NULL,                 -- ids, top first: as of volumes
    is_shared    INTEGER NOT NULL,              -- 0: a volume cannot be laid over them, its files are copied
    size         INTEGER NOT NULL,              -- bytes of its files
    PRIMARY KEY (snapshot, position)
  ) STRICT, WITHOUT ROWID;
  `,
  // 8: containers that are found again
  `
  CREATE TABLE reuses (
    key          TEXT PRIMARY KEY,
    container    TEXT NOT NULL REFERENCES containers ON DELETE CASCADE,
    hash         TEXT NOT NULL                  -- what its options come to
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX reuses_by_container ON reuses (container);
  `,
  // 9: things that end with their process
  `
  -- What belongs to the engine that has made it: gone when nobody holds the lock 'alive' of runRoot/owners/OWNER any more.
  CREATE TABLE ephemeral (
    kind         TEXT NOT NULL,                 -- container | network | volume
    id           TEXT NOT NULL,                 -- the id of that, or its name
    owner        TEXT NOT NULL,                 -- 32 hex digits
    PRIMARY KEY (kind, id)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX ephemeral_by_owner ON ephemeral (owner, kind, id);
  CREATE TRIGGER ephemeral_container AFTER DELETE ON containers BEGIN DELETE FROM ephemeral WHERE kind = 'container' AND id = OLD.id; END;
  CREATE TRIGGER ephemeral_network AFTER DELETE ON networks BEGIN DELETE FROM ephemeral WHERE kind = 'network' AND id = OLD.id; END;
  CREATE TRIGGER ephemeral_volume AFTER DELETE ON volumes BEGIN DELETE FROM ephemeral WHERE kind = 'volume' AND id = OLD.name; END;
  `,
]
