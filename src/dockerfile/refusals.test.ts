// biome-ignore-all lint/suspicious/noTemplateCurlyInString: they are Docker's to replace.
import { describe, expect, it } from 'vitest'
import { BuildError } from '../errors/index.js'
import { parseDockerfile } from './index.js'

function failureOf(text: string): BuildError {
  try {
    parseDockerfile(text)
  } catch (error) {
    expect(error).toBeInstanceOf(BuildError)
    return error as BuildError
  }
  throw new Error(`was read: ${text}`)
}

describe('what is refused', () => {
  it.each<[string, number | undefined, string]>([
    ['', undefined, 'file with no instructions'],
    ['# a\n\n  # b', undefined, 'file with no instructions'],
    ['ARG a', undefined, 'dockerfile contains no stages to build'],
    ['RUN x', 1, 'no build stage in current context'],
    ['FROM a\n\nFOO b', 3, 'dockerfile parse error on line 3: unknown instruction: FOO'],
    ['FROM a\nRUNN b', 2, 'unknown instruction: RUNN (did you mean RUN?)'],
    ['FROM a\ncoppy b c', 2, 'unknown instruction: coppy (did you mean copy?)'],
    ['FROM', 1, 'FROM requires either one or three arguments'],
    ['FROM a b', 1, 'FROM requires either one or three arguments'],
    ['FROM a in b', 1, 'FROM requires either one or three arguments'],
    ['FROM a AS 1', 1, 'invalid name for build stage: "1", name can\'t start with a number or contain symbols'],
    ['FROM a AS b/c', 1, 'invalid name for build stage: "b/c"'],
    ['FROM --x=y a', 1, 'unknown flag: --x'],
    ['FROM --platfrom=y a', 1, 'unknown flag: --platfrom (did you mean platform?)'],
    ['FROM --platform a', 1, 'missing a value on flag: --platform'],
    ['FROM --platform=a --platform=b c', 1, 'duplicate flag specified: --platform'],
    ['FROM a\nENV', 2, 'ENV requires at least one argument'],
    ['FROM a\nENV a', 2, 'ENV must have two arguments'],
    ['FROM a\nENV a=1 b', 2, 'Syntax error - can\'t find = in "b". Must be of the form: name=value'],
    ['FROM a\nENV =x', 2, 'ENV names can not be blank'],
    ['FROM a\nENV --a b=c', 2, 'unknown flag: --a'],
    ['FROM a\nLABEL', 2, 'LABEL requires at least one argument'],
    ['FROM a\nARG', 2, 'ARG requires at least one argument'],
    ['FROM a\nARG =b', 2, 'ARG names can not be blank'],
    ['FROM a\nCMD ["a", 1]', 2, 'when using JSON array syntax, arrays must be comprised of strings only'],
    [
      'FROM a\nCOPY a',
      2,
      'COPY requires at least two arguments, but only one was provided. Destination could not be determined',
    ],
    ['FROM a\nADD ["a"]', 2, 'ADD requires at least two arguments'],
    ['FROM a\nCOPY a <<E\nE', 2, 'COPY cannot accept a heredoc as a destination'],
    ['FROM a\nCOPY --link=maybe a b', 2, 'expecting boolean value for flag --link, not: maybe'],
    ['FROM a\nCOPY --link= a b', 2, 'missing a value on flag: --link'],
    ['FROM a\nCOPY --from=$x a b', 2, 'variable expansion is not supported for --from'],
    ['FROM a\nCOPY --checksum=x a b', 2, 'unknown flag: --checksum'],
    ['FROM a\nRUN <<E\na', 2, 'unterminated heredoc'],
    ['FROM a\nRUN --network=moon a', 2, 'invalid network mode "moon"'],
    ['FROM a\nRUN --security=none a', 2, 'security "none" is not valid'],
    [
      'FROM a\nRUN --mount=from=$x,target=/y a',
      2,
      "'from' doesn't support variable expansion, define alias stage instead",
    ],
    ['FROM a\nRUN --mount=a\\"b a', 2, 'failed to parse csv mounts: bare " in non-quoted field'],
    ['FROM a\nSHELL bash', 2, 'SHELL requires the arguments to be in JSON form: bash'],
    ['FROM a\nSHELL []', 2, 'SHELL requires at least one argument'],
    ['FROM a\nVOLUME', 2, 'VOLUME requires at least one argument'],
    ['FROM a\nVOLUME [""]', 2, 'VOLUME specified can not be an empty string'],
    ['FROM a\nEXPOSE', 2, 'EXPOSE requires at least one argument'],
    ['FROM a\nUSER', 2, 'USER requires exactly one argument'],
    ['FROM a\nMAINTAINER', 2, 'MAINTAINER requires exactly one argument'],
    ['FROM a\nHEALTHCHECK', 2, 'HEALTHCHECK requires at least one argument'],
    ['FROM a\nHEALTHCHECK x', 2, 'Unknown type "X" in HEALTHCHECK (try CMD)'],
    ['FROM a\nHEALTHCHECK CMD []', 2, 'Missing command after HEALTHCHECK CMD'],
    ['FROM a\nHEALTHCHECK --retries=x CMD a', 2, 'parsing "x": invalid syntax'],
    ['FROM a\nHEALTHCHECK --timeout=1us CMD a', 2, 'Interval "timeout" cannot be less than 1ms'],
    ['FROM a\nONBUILD', 2, 'ONBUILD requires at least one argument'],
    ['FROM a\nONBUILD ONBUILD x', 2, "Chaining ONBUILD via `ONBUILD ONBUILD` isn't allowed"],
    ['FROM a\nONBUILD from x', 2, "FROM isn't allowed as an ONBUILD trigger"],
    ['FROM a\nONBUILD MAINTAINER x', 2, "MAINTAINER isn't allowed as an ONBUILD trigger"],
    ['FROM a\nONBUILD ENV x', 2, 'ENV must have two arguments'],
    ['FROM a\nONBUILD CMD [1]', 2, 'arrays must be comprised of strings only'],
    ['# escape=x\nFROM a', 1, "invalid escape token 'x' does not match ` or \\"],
    ['# escape=`\n# escape=`\nFROM a', 2, 'only one escape parser directive can be used'],
    ['# check=foo\nFROM a', 1, 'invalid check option "foo"'],
    ['# check=error=maybe\nFROM a', 1, 'failed to parse check option "error=maybe"'],
    [`FROM a\nRUN ${'x'.repeat(65_536)}`, 2, 'dockerfile line greater than max allowed size of 65535'],
  ])('%j', (text, line, message) => {
    const failure = failureOf(text)
    expect(failure.message).toContain(message)
    expect(failure.line).toBe(line)
  })

  it('says where it is', () => {
    const text = 'FROM a\nRUN --nope \\\n  b'
    expect(() => parseDockerfile(text, { file: 'build/Dockerfile' })).toThrow(
      expect.objectContaining({
        code: 'DOCKERFILE_INVALID',
        file: 'build/Dockerfile',
        line: 2,
        instruction: 'RUN --nope   b',
        message: 'dockerfile parse error on line 2: unknown flag: --nope',
      }),
    )
  })

  it('shows no control characters of a file in a message', () => {
    expect(failureOf('FROM a\n\u001b[31mFOO x').message).toBe(
      'dockerfile parse error on line 2: unknown instruction:  [31mFOO',
    )
  })
})
