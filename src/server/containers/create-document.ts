import { type InferOutput, looseObject, nullish, record, string } from 'valibot'
import { hostConfigFields } from './host-config.js'
import { networkingConfig } from './networking-config.js'
import { flag, may, nameSet, text, textMap, texts, whole, words } from './schemas.js'

/** `Healthcheck`: times are nanoseconds. */
const healthcheck = looseObject({
  Test: texts,
  Interval: whole,
  Timeout: whole,
  StartPeriod: whole,
  StartInterval: whole,
  Retries: whole,
})

/** Docker's `Config`: what of a container is an image's as well. */
export const configFields = {
  Hostname: text,
  Domainname: text,
  User: text,
  AttachStdin: flag,
  AttachStdout: flag,
  AttachStderr: flag,
  ExposedPorts: nameSet,
  Tty: flag,
  OpenStdin: flag,
  StdinOnce: flag,
  Env: texts,
  Cmd: words,
  Healthcheck: may(healthcheck),
  Image: text,
  Volumes: nameSet,
  WorkingDir: text,
  Entrypoint: words,
  NetworkDisabled: flag,
  MacAddress: text,
  OnBuild: texts,
  Labels: textMap,
  StopSignal: text,
  StopTimeout: whole,
  Shell: texts,
}

/** `Config`, with what a container is on its host and on its networks. */
export const createDocument = looseObject({
  ...configFields,
  HostConfig: may(looseObject(hostConfigFields)),
  NetworkingConfig: may(looseObject({ EndpointsConfig: may(record(string(), nullish(networkingConfig))) })),
})

const configDocument = looseObject(configFields)

export type ConfigDocument = InferOutput<typeof configDocument>
export type CreateDocument = InferOutput<typeof createDocument>
