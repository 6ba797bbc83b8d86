import type { Script } from '../docker-script.js'

/** What is done with images and registries. */
export const imageCommands: Script = {
  name: 'image-commands',
  images: { busybox: 'busybox' },
  registries: true,
  files: {
    'app/Dockerfile': `FROM busybox AS build
ARG VERSION=1
LABEL stage=build
RUN echo $VERSION > /version
FROM busybox
COPY --from=build /version /version
ENV PLACE=world
ENTRYPOINT ["echo"]
CMD ["hello"]
HEALTHCHECK --interval=5s CMD true
STOPSIGNAL SIGUSR1
ONBUILD RUN echo onbuild
`,
    'child/Dockerfile': 'FROM app\nCMD ["child"]\n',
    'broken/Dockerfile': 'FROM busybox\nRUN exit 3\n',
    'unknown/Dockerfile': 'FROM busybox\nFETCH it\n',
    'missing/Dockerfile': 'FROM busybox\nCOPY nothing /\n',
  },
  steps: [
    {
      run: 'docker build -t app -t app:1 --label who=me app',
      shows: [/^Step 13?\/|^Step 1\/12/m, /^Successfully tagged app:1$/m],
    },
    { run: 'docker build -t app -t app:1 --label who=me app', shows: /Using cache/ },
    {
      run: 'docker build --no-cache --build-arg VERSION=2 --target build -t app:build app',
      shows: /^Successfully tagged app:build$/m,
    },
    { run: 'docker run --rm app:build cat /version', shows: /^2$/m },
    { run: 'docker build --build-arg NOTHING=1 -t app:unused app', shows: /build-args \[NOTHING\] were not consumed/ },
    { run: 'docker build -t child child', shows: [/^# Executing 1 build trigger/m, /^onbuild$/m] },
    { run: 'docker build broken', exits: 3, shows: /The command '\/bin\/sh -c exit 3' returned a non-zero code: 3/ },
    { run: 'docker build unknown', exits: 1, shows: /unknown instruction: FETCH/ },
    { run: 'docker build missing', exits: 1, shows: /COPY failed: .*nothing/ },
    {
      run: 'docker build -t from-stdin -',
      stdin: 'FROM busybox\nLABEL from=stdin\n',
      shows: /^Successfully tagged from-stdin:latest$/m,
    },
    {
      run: 'tar c -C app . | docker build -t from-tar -',
      shows: /^Successfully tagged from-tar:latest$/m,
      masks: [[/^ ---> Using cache\n/gm, '']],
    },
    { run: 'docker build -t BAD app', exits: 'failure', shows: /invalid (?:argument|reference format)/ },
    { run: 'docker history app', shows: /CMD \["hello"\]/ },
    { run: "docker history --no-trunc --format '{{.CreatedBy}} {{.Size}}' app", shows: /ENTRYPOINT \["echo"\]/ },
    { run: 'docker image inspect app', shows: /"who": "me"/, compared: 'document' },
    { run: 'docker image inspect no-such-image', exits: 1, shows: /No such image: no-such-image/ },
    { run: 'docker run --rm app', shows: /^hello$/m },
    {
      run: 'docker images --filter label=who=me --format "{{.Repository}}:{{.Tag}}"',
      shows: [/^app:1$/m, /^app:latest$/m],
      compared: 'lines',
    },
    {
      run: 'docker images --filter reference="app:*" --format "{{.Repository}}:{{.Tag}}"',
      shows: /^app:build$/m,
      compared: 'lines',
    },
    { run: 'docker images --filter before=app:build --format "{{.Repository}}"', compared: 'lines' },
    { run: 'docker images --no-trunc --digests busybox', shows: /^busybox +latest +<none> +sha256:/m },
    { run: 'docker images no-such-image' },
    { run: 'docker tag app:1 app:2 && docker tag app:2 $HUB/me/app:2' },
    { run: 'docker tag no-such-image x', exits: 1, shows: /No such image: no-such-image/ },
    { run: 'docker tag app "BAD NAME"', exits: 1, shows: /invalid reference format|not a valid repository\/tag/ },
    {
      run: 'docker push $HUB/me/app:2',
      shows: [/^The push refers to repository \[/m, /Pushed$/m, /^2: digest: sha256:[0-9a-f]{64} size: \d+$/m],
      compared: 'lines',
    },
    { run: 'docker push $HUB/me/app:2', shows: /Layer already exists$/m, compared: 'lines' },
    {
      run: 'docker tag app $HUB/me/app:latest && docker push -a $HUB/me/app',
      shows: [/^2: digest:/m, /^latest: digest:/m],
      compared: 'lines',
    },
    { run: 'docker push $HUB/me/nothing', exits: 1, shows: /An image does not exist locally with the tag/ },
    { run: "docker image inspect -f '{{index .RepoDigests 0}}' $HUB/me/app:2", shows: /@sha256:/, into: 'BY_DIGEST' },
    { run: 'docker rmi $HUB/me/app:2 $HUB/me/app:latest', shows: /^Untagged:/m, compared: 'lines' },
    { run: 'docker pull $BY_DIGEST', shows: /^Digest: sha256:/m, compared: 'lines' },
    { run: 'docker pull -q $HUB/me/app:2', shows: /\/me\/app:2$/m },
    {
      run: 'docker pull $HUB/me/app:9',
      exits: 1,
      shows: /manifest for .* not found: manifest unknown|not found/,
      compared: 'lines',
    },
    { run: 'docker pull $HUB/me/nothing', exits: 1, shows: /not found|denied/, compared: 'lines' },
    {
      run: 'docker pull $REGISTRY/nothing',
      exits: 1,
      shows: /no basic auth credentials|unauthorized/,
      compared: 'lines',
    },
    { run: 'docker login -u docker -p secret $REGISTRY', shows: /Login Succeeded/ },
    { run: 'grep -c "$(printf docker:secret | base64)" .docker/config.json', shows: /^1$/m },
    {
      run: 'docker tag app:1 $REGISTRY/app:1 && docker push $REGISTRY/app:1',
      shows: /^1: digest: sha256:/m,
      compared: 'lines',
    },
    { run: 'docker pull $REGISTRY/app:1', shows: /Status: Image is up to date/, compared: 'lines' },
    { run: 'docker logout $REGISTRY', shows: /^Removing login credentials for/m },
    { run: 'docker search --limit 2 --filter is-official=true $INDEX/sinatra', shows: /^sinatra/m },
    {
      run: 'docker search --no-trunc --format "{{.Name}} {{.StarCount}} {{.IsOfficial}}" $INDEX/sinatra',
      shows: /^erikap\/ruby-sinatra 12/m,
    },
    'docker save -o both.tar app:1 busybox',
    { run: 'tar xOf both.tar manifest.json', shows: [/"app:1"/, /"busybox:latest"/], compared: 'no' },
    { run: 'docker save app:1 | tar t | grep manifest.json', shows: /^manifest.json$/m, compared: 'no' },
    { run: 'docker save no-such-image', exits: 1, shows: /No such image: no-such-image|reference does not exist/ },
    { run: 'docker rmi -f app:1 app:2 app:latest app:unused $HUB/me/app:2 $REGISTRY/app:1', compared: 'no' },
    {
      run: 'docker load -i both.tar',
      shows: [/^Loaded image: app:1$/m, /^Loaded image: busybox:latest$/m],
      compared: 'lines',
      masks: [[/^.*Loading layer.*\n/gm, '']],
    },
    { run: 'docker run --rm app:1', shows: /^hello$/m },
    { run: 'echo nonsense | docker load', exits: 1, compared: 'no' },
    {
      run: 'docker export $(docker create busybox) | docker import --change "ENV A=1" --message "by hand" - imported:1',
      shows: /^sha256:/,
    },
    { run: 'docker history imported:1', shows: /by hand/ },
    { run: "docker run --rm imported:1 sh -c 'echo $A'", shows: /^1$/m },
    { run: 'docker rmi no-such-image', exits: 1, shows: /No such image: no-such-image/ },
    {
      run: 'docker run --name user busybox true; docker rmi busybox',
      exits: 1,
      shows: /unable to remove repository reference "busybox" \(must force\)/,
    },
    { run: 'docker image prune -f', shows: /Total reclaimed space/, compared: 'no' },
    { run: 'docker rm -f $(docker ps -aq)', compared: 'no' },
    { run: 'docker image prune -a -f', shows: /untagged: app:1/i, compared: 'no' },
    { run: 'docker images -aq', hides: /./ },
  ],
}
