import type { ContainerInspect } from '../../container/inspect.js'

/** Versions that have a container's own names among `DNSNames`, and not among the aliases that were asked for. */
const ownNamesMinor = 45

/** `docker inspect`'s document, as a version of the API has it. */
export function inspectDocument(document: ContainerInspect, minor: number): ContainerInspect {
  if (minor < ownNamesMinor) return document
  const { Id, Config, NetworkSettings } = document
  const own = new Set([Id.slice(0, 12), Config.Hostname])
  const withoutOwn = (aliases: readonly string[] | null) => {
    const asked = aliases?.filter((alias) => !own.has(alias)) ?? []
    return asked.length > 0 ? asked : null
  }
  const Networks = Object.fromEntries(
    Object.entries(NetworkSettings.Networks).map(([name, endpoint]) => [
      name,
      { ...endpoint, Aliases: withoutOwn(endpoint.Aliases) },
    ]),
  )
  return { ...document, NetworkSettings: { ...NetworkSettings, Networks } }
}
