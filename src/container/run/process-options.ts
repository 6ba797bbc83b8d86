import type { EnvInput, PullPolicy } from '../../spec/options.js'
import { RunOptionMethods } from './option-methods.js'

/** What runs, as whom, and with what in its environment. */
export abstract class ProcessOptions extends RunOptionMethods {
  /** When the image is pulled first: when it is `'missing'` here (the default), `'always'`, or `'never'`. */
  pull(pull: PullPolicy): this {
    return this.with({ pull })
  }

  /** `linux/architecture[/variant]` of an image that is offered for several. */
  platform(platform: string): this {
    return this.with({ platform })
  }

  /** Its name; default: a random one. Names are unique. */
  name(name: string): this {
    return this.with({ name })
  }

  /** Replaces the image's entrypoint; the image's command is dropped with it. `''`: none. */
  entrypoint(entrypoint: string | readonly string[]): this {
    return this.with({ entrypoint })
  }

  /** Environment variables, added to the image's. A name without value takes the value from this process. */
  env(env: EnvInput): this {
    return this.add('env', envList(env))
  }

  /** Files of environment variables, in the form `docker run --env-file` reads. */
  envFile(...files: readonly string[]): this {
    return this.add('envFile', files)
  }

  /** `name|uid[:group|gid]`; names are looked up in the image. */
  user(user: string): this {
    return this.with({ user })
  }

  groupAdd(...groups: readonly string[]): this {
    return this.add('groupAdd', groups)
  }

  /** Working directory, absolute; made when the image lacks it. */
  workdir(workdir: string): this {
    return this.with({ workdir })
  }

  /** Default: the first 12 characters of its id. */
  hostname(hostname: string): this {
    return this.with({ hostname })
  }

  domainname(domainname: string): this {
    return this.with({ domainname })
  }

  /** Gives the program a terminal. */
  tty(tty = true): this {
    return this.with({ tty })
  }

  /** Keeps stdin open. */
  interactive(interactive = true): this {
    return this.with({ interactive })
  }

  /** Its input ends with that of the first who is attached to it. Default: when it is interactive, and not started detached. */
  stdinOnce(stdinOnce = true): this {
    return this.with({ stdinOnce })
  }

  /** Runs a small init as process 1, which forwards signals and reaps zombies. */
  init(init = true): this {
    return this.with({ init })
  }

  label(labels: Readonly<Record<string, string>>): this {
    return this.add(
      'label',
      Object.entries(labels).map(([name, value]) => `${name}=${value}`),
    )
  }
}

function envList(env: EnvInput): string[] {
  if (Array.isArray(env)) return [...env]
  return Object.entries(env).map(([name, value]) => (value === undefined ? name : `${name}=${value}`))
}
