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
]
