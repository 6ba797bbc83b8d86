import { expect, test } from 'vitest'
import { expandInstruction, GlobalScope, ImageDraft, parseDockerfile, Scope } from '../dockerfile/index.js'
import { describe } from './describe.js'

/** The texts are those of images that BuildKit has built. */
test.each([
  ['CMD ["nginx", "-g", "daemon off;"]', 'CMD ["nginx" "-g" "daemon off;"]'],
  ['CMD echo hi', 'CMD ["/bin/sh" "-c" "echo hi"]'],
  ['ENTRYPOINT ["/entry.sh"]', 'ENTRYPOINT ["/entry.sh"]'],
  ['ENV A=1 B="two words"', 'ENV A=1 B=two words'],
  ['ENV A one two', 'ENV A=one two'],
  ['LABEL a=b', 'LABEL a=b'],
  ['ARG VERSION=1', 'ARG VERSION=1'],
  ['ARG VERSION', 'ARG VERSION'],
  ['EXPOSE 443 80/udp', 'EXPOSE map[443/tcp:{} 80/udp:{}]'],
  ['VOLUME /data /more', 'VOLUME [/data /more]'],
  ['VOLUME ["/data"]', 'VOLUME [/data]'],
  ['USER www:www', 'USER www:www'],
  ['STOPSIGNAL SIGQUIT', 'STOPSIGNAL SIGQUIT'],
  ['SHELL ["/bin/bash", "-c"]', 'SHELL [/bin/bash -c]'],
  ['ONBUILD RUN make', 'ONBUILD RUN make'],
  ['MAINTAINER me', 'MAINTAINER me'],
  ['HEALTHCHECK NONE', 'HEALTHCHECK &{["NONE"] "0s" "0s" "0s" "0s" \'\\x00\'}'],
  [
    'HEALTHCHECK --interval=90s --timeout=3s --retries=3 CMD curl localhost',
    'HEALTHCHECK &{["CMD-SHELL" "curl localhost"] "1m30s" "3s" "0s" "0s" \'\\x03\'}',
  ],
])('%s', (text, expected) => {
  const dockerfile = parseDockerfile(`FROM scratch\n${text}`)
  const [instruction] = dockerfile.stages[0]?.instructions ?? []
  if (!instruction) throw new Error('no instruction')
  const expanded = expandInstruction(instruction, new Scope(new GlobalScope(dockerfile))).instruction
  expect(describe(expanded, new ImageDraft({}))).toBe(expected)
})
