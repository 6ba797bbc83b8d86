import { execute } from '../workspace.js'
import type { DockerDaemon } from './docker-daemon.js'

/** What the docker CLI does with images. */
export class DockerImages {
  constructor(private readonly daemon: DockerDaemon) {}

  readonly pull = (reference: string) => this.docker('pull', '--quiet', reference)
  readonly push = (reference: string) => this.docker('push', '--quiet', reference)
  readonly load = (archive: string) => this.docker('load', '--quiet', '--input', archive)
  readonly tag = (image: string, reference: string) => this.docker('tag', image, reference)
  /** Removes all images. */
  readonly clear = () => this.docker('image', 'prune', '--all', '--force')

  private async docker(...args: readonly string[]): Promise<void> {
    await execute('docker', ['--host', `unix://${this.daemon.socket}`, ...args])
  }
}
