import { RunningBuilds } from './builds/running-builds.js'
import { Uploads } from './builds/uploads.js'
import { Sessions } from './sessions/sessions.js'

/** What a server has beside the engine: for all of its connections. */
export interface ServerState {
  /** Fires when the server closes. */
  readonly closing: AbortSignal
  readonly builds: RunningBuilds
  readonly sessions: Sessions
  readonly uploads: Uploads
}

/** That of a new server. */
export function serverState(closing: AbortSignal): ServerState {
  return { closing, builds: new RunningBuilds(), sessions: new Sessions(), uploads: new Uploads() }
}
