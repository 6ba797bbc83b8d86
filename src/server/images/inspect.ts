import type { ImageHistoryEntry, ImageInspect } from '../../image/index.js'

type ImageConfig = ImageInspect['Config']

/** What a configuration has that says nothing of it: Docker's document has all of its fields. */
const unsaid = {
  Hostname: '',
  Domainname: '',
  User: '',
  AttachStdin: false,
  AttachStdout: false,
  AttachStderr: false,
  Tty: false,
  OpenStdin: false,
  StdinOnce: false,
  Env: null,
  Cmd: null,
  Image: '',
  Volumes: null,
  WorkingDir: '',
  Entrypoint: null,
  OnBuild: null,
  Labels: null,
}

const noTime = '0001-01-01T00:00:00Z'

/** `GET /images/{name}/json`, as a version of the API has it. */
export function inspectDocument(image: ImageInspect, minor: number): object {
  const { Config, Created, Size } = image
  return {
    ...image,
    ...(Created === undefined && minor < 44 && { Created: noTime }),
    Config: configDocument(Config),
    // Gone from Docker's since 1.45; docker-compose 1.29 takes the newest version that there is, and cannot do without.
    ContainerConfig: unsaid,
    ...(minor < 45 && { Container: '' }),
    ...(minor < 44 && { VirtualSize: Size }),
  }
}

function configDocument(config: ImageConfig): object {
  return { ...unsaid, ...config }
}

/** `GET /images/{name}/history`. */
export function historyDocument({ id, createdAt, createdBy, size, comment, tags }: ImageHistoryEntry): object {
  return {
    Comment: comment,
    Created: createdAt === undefined ? 0 : Math.floor(createdAt.getTime() / 1000),
    CreatedBy: createdBy,
    Id: id,
    Size: size,
    Tags: tags.length > 0 ? tags : null,
  }
}
