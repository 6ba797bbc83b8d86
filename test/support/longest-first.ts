import { BaseSequencer, type TestSpecification } from 'vitest/node'

/** What would go on alone when all else of its project is done, the longest first. */
const longest = [
  'src/image/several-processes.test.ts',
  'src/volume/archive-hostile.test.ts',
  'src/volume/archive-memory.test.ts',
  'src/layer/pack-tree.test.ts',
  'src/layer/memory.test.ts',
  'test/unit/package.test.ts',
  'test/native/resolver.test.ts',
  'test/native/helpers.test.ts',
  'test/native/supervisor.test.ts',
  'test/integration/guide.test.ts',
  'test/integration/api-hostile.test.ts',
  'test/integration/examples.test.ts',
  'test/integration/snapshot-databases.test.ts',
  'test/integration/container-fs.test.ts',
  'test/integration/package-installed.test.ts',
  'test/integration/services.test.ts',
  'test/integration/client-compose.test.ts',
  'test/integration/volume-stories.test.ts',
  'test/integration/volume-clones.test.ts',
  'test/integration/network-stories.test.ts',
  'test/integration/volume-plugins.test.ts',
  'test/integration/save.test.ts',
  'test/integration/build.test.ts',
  'test/integration/build-run.test.ts',
  'test/integration/build-cache.test.ts',
  'test/conformance/docker-using-docker.test.ts',
  'test/conformance/docker-notes.test.ts',
  'test/conformance/docker-user-guide.test.ts',
  'test/conformance/docker-practice.test.ts',
  'test/conformance/build-language.test.ts',
  'test/conformance/docker-containers.test.ts',
  'test/conformance/build-copy.test.ts',
  'test/conformance/network-isolation.test.ts',
  'test/conformance/volume-isolation.test.ts',
  'test/conformance/escape-race.test.ts',
  'test/conformance/live.test.ts',
  'test/conformance/exhaustion.test.ts',
  'test/fault/failpoints.test.ts',
  'test/fault/build-failpoint-kills.test.ts',
  'test/fault/build-failpoints.test.ts',
  'test/fault/build-kills.test.ts',
  'test/fault/build-together.test.ts',
  'test/fault/network-failpoints.test.ts',
  'test/fault/volume-failpoints.test.ts',
  'test/fault/plan-steps.test.ts',
  'test/fault/syscalls.test.ts',
  'test/fault/registry-pull.test.ts',
  'test/fault/lifecycle-failpoints.test.ts',
  'test/fault/ephemeral-kills.test.ts',
  'test/fault/snapshot-failpoints.test.ts',
  'test/fault/clone-failpoints.test.ts',
  'test/fault/volume-kills.test.ts',
  'test/fault/registry-kills.test.ts',
  'test/fault/kills.test.ts',
]

/** The longest first, so that no worker is left with one of them when the others are done. */
export default class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const place = ({ moduleId }: TestSpecification) => {
      const at = longest.findIndex((name) => moduleId.endsWith(`/${name}`))
      return at < 0 ? longest.length : at
    }
    return (await super.sort(files)).sort((one, other) => place(one) - place(other))
  }
}
