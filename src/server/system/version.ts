import type { EngineVersion } from '../../engine/version.js'

/** `GET /version`: the engine's document, and what clients print of a daemon that is built with Go. */
export function versionDocument(version: EngineVersion) {
  const built = { GitCommit: version.Version, GoVersion: `none (Node.js ${process.versions.node})` }
  return {
    ...version,
    ...built,
    BuildTime: '',
    Components: version.Components.map((component) =>
      component.Name === 'Engine'
        ? { ...component, Details: { ...component.Details, ...built, BuildTime: 'N/A', Experimental: 'false' } }
        : component,
    ),
  }
}
