import type { EnvInput, HealthcheckInput, RunOptions } from '../../spec/options.js'
import type { CreateDocument } from './create-document.js'
import { given, unlessEmpty, unlessZero } from './schemas.js'

/** What `Config` asks for. */
export function configOptions(config: CreateDocument): RunOptions {
  return given({
    entrypoint: config.Entrypoint,
    env: environment(config.Env ?? []),
    user: unlessEmpty(config.User),
    workdir: unlessEmpty(config.WorkingDir),
    hostname: unlessEmpty(config.Hostname),
    domainname: unlessEmpty(config.Domainname),
    tty: config.Tty,
    interactive: config.OpenStdin,
    attach: attached(config),
    stdinOnce: config.StdinOnce ?? false,
    label: config.Labels,
    stopSignal: unlessEmpty(config.StopSignal),
    stopTimeout: config.StopTimeout,
    healthcheck: config.Healthcheck && health(config.Healthcheck),
  }) as RunOptions
}

/** A name alone takes the image's variable away: this process' own are nobody's business. */
function environment(env: readonly string[]): EnvInput {
  if (env.every((variable) => variable.includes('='))) return env
  return Object.fromEntries(
    env.map((variable) => {
      const [, name = variable, value] = /^([^=]*)=(.*)$/s.exec(variable) ?? []
      return [name, value ?? null]
    }),
  )
}

function attached({ AttachStdin, AttachStdout, AttachStderr }: CreateDocument): RunOptions['attach'] {
  return [
    ...(AttachStdin ? ['stdin' as const] : []),
    ...(AttachStdout ? ['stdout' as const] : []),
    ...(AttachStderr ? ['stderr' as const] : []),
  ]
}

/** Nanoseconds become ms; 0 is the image's. */
function health(asked: NonNullable<CreateDocument['Healthcheck']>): HealthcheckInput {
  const ms = (ns: number | undefined) => (ns ? ns / 1e6 : undefined)
  return given({
    test: asked.Test && asked.Test.length > 0 ? asked.Test : undefined,
    interval: ms(asked.Interval),
    timeout: ms(asked.Timeout),
    startPeriod: ms(asked.StartPeriod),
    startInterval: ms(asked.StartInterval),
    retries: unlessZero(asked.Retries),
  })
}
