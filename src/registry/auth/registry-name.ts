import { InvalidOptionError } from '../../errors/index.js'
import { dockerHub } from '../hosts/hosts.js'

/** Docker Hub's key in Docker's credential file, which was the address of its first index. */
const hubKey = 'https://index.docker.io/v1/'

const hubNames: ReadonlySet<string> = new Set([dockerHub, 'index.docker.io', 'registry-1.docker.io'])

/** A key of the file as a host: some versions of Docker wrote URLs. */
export function hostOfKey(key: string): string {
  const [host = ''] = key.replace(/^https?:\/\//, '').split('/')
  return host
}

/** Under which a registry's credentials are stored and given to helpers. */
export function serverAddress(registry: string): string {
  return hubNames.has(registry) ? hubKey : registry
}

/** The keys under which they may be, the first one preferred. */
export function serverAddresses(registry: string): readonly string[] {
  return hubNames.has(registry) ? [hubKey, 'index.docker.io', dockerHub] : [registry]
}

/**
 * A registry as users name it for a login, which may be with a scheme and a path.
 *
 * @throws {InvalidOptionError} for what is no host
 */
export function registryName(text: string): string {
  const host = hostOfKey(text)
  if (!/^([\w-]+(\.[\w-]+)*|\[[0-9a-fA-F:.]+\])(:\d{1,5})?$/.test(host)) {
    throw new InvalidOptionError('registry must be a host with an optional port, such as reg.local:5000', {
      code: 'INVALID_OPTION',
      details: { option: 'registry' },
    })
  }
  return hubNames.has(host) ? dockerHub : host
}
