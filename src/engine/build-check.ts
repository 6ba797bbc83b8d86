import { type OnBuildEvent, unusedArguments } from '../build/index.js'
import {
  type CheckOptions,
  type CheckResult,
  checkDockerfile,
  type Dockerfile,
  type KnownImage,
  parseDockerfile,
  platformValues,
} from '../dockerfile/index.js'
import { BuildError } from '../errors/index.js'
import { buildArgsOf } from './build-arguments.js'
import type { BuildFiles } from './build-files.js'
import type { BuildOptions } from './build-options.js'
import { hostPlatformName, platformName } from './build-platforms.js'
import type { RunStages } from './run-actions.js'

/** What a check looks at beside the Dockerfile. */
export interface CheckPlaces {
  readonly files: BuildFiles
  readonly options: BuildOptions
  readonly stages: Pick<RunStages, 'images'>
}

/** Docker's build checks of a Dockerfile that is not built. */
export async function checkFile(places: CheckPlaces): Promise<CheckResult> {
  const { file, text } = await places.files.dockerfile()
  return checkDockerfile(parseDockerfile(text, { file }), await checkOptions(places))
}

/**
 * Tells what the checks have found in a Dockerfile that is to be built, and what is done otherwise than it asks.
 *
 * @throws {BuildError} the file wants to be refused for them: `# check=error=true`
 */
export async function reportFindings(dockerfile: Dockerfile, places: CheckPlaces, report: OnBuildEvent): Promise<void> {
  const { findings, isError } = checkDockerfile(dockerfile, await checkOptions(places))
  for (const finding of findings) report({ kind: 'warning', finding })
  const note = (rule: string, message: string) =>
    report({ kind: 'warning', finding: { rule, message, lines: { first: 1, last: 1 } } })
  const { syntax } = dockerfile.directives
  if (syntax !== undefined)
    note('SyntaxIgnored', `the frontend ${syntax} is not used: Dockerfiles are read by inboard itself`)
  const unused = unusedArguments(dockerfile, Object.keys(buildArgsOf(places.options, undefined)))
  if (unused.length > 0) note('UnusedBuildArg', `One or more build-args [${unused.join(' ')}] were not consumed`)
  if (!isError) return
  const rules = [...new Set(findings.map(({ rule }) => rule))]
  throw new BuildError(`lint violation found for rules: ${rules.join(', ')}`, {
    code: 'DOCKERFILE_INVALID',
    details: { file: dockerfile.file, line: findings[0]?.lines.first, rules },
  })
}

async function checkOptions({ files, options, stages }: CheckPlaces): Promise<CheckOptions> {
  const [platform = hostPlatformName()] = [options.platform ?? []].flat().map(platformName)
  const isIgnored = await files.isIgnored()
  return {
    buildArgs: buildArgsOf(options, undefined),
    predefined: platformValues({
      target: platform,
      build: hostPlatformName(),
      ...(options.target && { stage: options.target }),
    }),
    image: (name) => knownImage(stages, name),
    ...(isIgnored && { isIgnored }),
  }
}

/** Of an image that is here: none is pulled for a check. */
function knownImage({ images }: CheckPlaces['stages'], name: string): KnownImage | undefined {
  try {
    const { Env: env, Shell: shell } = images.resolve(name).config
    return { ...(env && { env }), ...(shell && { shell }) }
  } catch {
    // It is not here, or the name is none: that is said by whoever builds.
    return undefined
  }
}
