import { looseObject, optional } from 'valibot'
import type { ImageRunConfig } from '../../spec/options.js'
import type { Exchange } from '../exchange.js'
import { type ConfigDocument, configFields } from './create-document.js'
import { given, may } from './schemas.js'

const commitDocument = optional(may(looseObject(configFields)))

/** `POST /commit`: an image of a container, named `repo:tag`. */
export async function commitContainer(exchange: Exchange): Promise<void> {
  const { engine, query, signal } = exchange
  const container = await engine.containers.get(query.text('container') ?? '')
  const config = await exchange.body(commitDocument)
  const [repository, tag] = [query.text('repo'), query.text('tag')]
  const changes = query.texts('changes').filter((change) => change.trim() !== '')
  const image = await container.commit(
    repository === undefined ? undefined : `${repository}${tag === undefined ? '' : `:${tag}`}`,
    given({
      author: query.text('author'),
      message: query.text('comment'),
      changes,
      config: config && imageConfig(config),
      pause: query.flag('pause', true),
      signal,
    }),
  )
  exchange.json(201, { Id: image.id })
}

/** What of a container's configuration an image has. */
function imageConfig(config: ConfigDocument): ImageRunConfig {
  const names = (set: object | undefined) => set && Object.fromEntries(Object.keys(set).map((name) => [name, {}]))
  return given({
    User: config.User,
    Env: config.Env,
    Entrypoint: config.Entrypoint,
    Cmd: config.Cmd,
    WorkingDir: config.WorkingDir,
    Labels: config.Labels,
    StopSignal: config.StopSignal,
    StopTimeout: config.StopTimeout,
    ExposedPorts: names(config.ExposedPorts),
    Volumes: names(config.Volumes),
    OnBuild: config.OnBuild,
    Healthcheck: config.Healthcheck && given(config.Healthcheck),
    Shell: config.Shell,
  }) as ImageRunConfig
}
