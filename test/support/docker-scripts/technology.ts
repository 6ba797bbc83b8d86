import type { Script } from '../docker-script.js'

/** The fifth text of the seeds, whose commands are in pictures: what its words tell of them. */
export const technology: Script = {
  name: 'technology',
  images: { 'ubuntu:16.04': 'debian', 'hello-world': 'busybox', nginx: 'nginx', registry: 'registry' },
  registries: true,
  files: {
    'app/Dockerfile': `FROM ubuntu:16.04
LABEL maintainer="someone" version="1.0"
ENV NAME=world
ARG GREETING=hello
RUN echo $GREETING $NAME \\
  && mkdir /app
RUN ["/bin/bash", "-c", "echo exec form"]
WORKDIR /a
WORKDIR b
WORKDIR c
COPY test.txt /app/test.txt
ADD archive.tar /app/
EXPOSE 80
USER daemon
CMD ["cat", "/app/test.txt"]
`,
    'app/test.txt': 'hello\n',
    'app/unpacked.txt': 'unpacked\n',
    'app/.dockerignore': 'unpacked.txt\n',
    'mine/test.txt': 'of the host\n',
  },
  before: ['tar cf app/archive.tar -C app unpacked.txt'],
  steps: [
    { run: 'docker version', shows: [/Client:/, /Server:/], compared: 'no' },
    { run: 'docker info', shows: /Server Version:/, compared: 'no' },
    { run: 'docker run hello-world echo hello', shows: /^hello$/m },
    'docker save -o hello-world.tar hello-world',
    { run: 'tar tf hello-world.tar | grep -v /', shows: [/^manifest\.json$/m, /^repositories$/m], compared: 'no' },
    { run: 'docker history hello-world', shows: /IMAGE/ },
    { run: 'docker inspect hello-world', shows: /"RootFS"/, compared: 'document' },
    { run: 'docker build -t app app', shows: /^Successfully tagged app:latest$/m },
    { run: 'docker build -q -t app app', shows: /^sha256:/m },
    {
      run: 'docker build --build-arg GREETING=bye -f app/Dockerfile -m 256m -c 512 -t app:bye app',
      shows: /^bye world$/m,
    },
    { run: "docker inspect -f '{{json .Config}}' app", shows: /"WorkingDir":"\/a\/b\/c"/, compared: 'document' },
    { run: 'docker run --rm app', shows: /^hello$/m },
    { run: 'docker run --rm app cat /app/unpacked.txt', shows: /^unpacked$/m },
    { run: 'docker run --rm app id -un', shows: /^daemon$/m },
    { run: 'docker run --rm -e NAME=env app env', shows: /^NAME=env$/m, compared: 'lines' },
    { run: 'docker run --rm -v $PWD/mine:/app app', shows: /^of the host$/m },
    'docker run -d --name user app sleep 60',
    {
      run: 'docker rmi app',
      exits: 1,
      shows:
        /unable to remove repository reference "app" \(must force\) - container [0-9a-f]{12} is using its referenced image/,
    },
    { run: 'docker rmi -f app', shows: /^Untagged: app:latest$/m },
    { run: 'docker exec user cat /app/test.txt', shows: /^hello$/m },
    { run: 'docker commit user app', shows: /^sha256:/ },
    { run: 'docker run --rm app cat /app/test.txt', shows: /^hello$/m },
    { run: 'docker rm -f user' },
    { run: 'docker login -u docker -p wrong $REGISTRY', exits: 1, shows: /unauthorized/i },
    { run: 'echo secret | docker login -u docker --password-stdin $REGISTRY', shows: /Login Succeeded/ },
    {
      run: 'docker tag app $REGISTRY/library/app && docker push $REGISTRY/library/app',
      shows: /^latest: digest: sha256:/m,
      compared: 'lines',
    },
    'docker run -d -p 5000:5000 --restart=always --name registry registry',
    { run: 'curl -s localhost:5000/v2/', shows: /^\{\}/, again: true },
    'docker tag ubuntu:16.04 localhost:5000/ubuntu:16.04',
    { run: 'docker push localhost:5000/ubuntu:16.04', shows: /^16\.04: digest: sha256:/m, compared: 'lines' },
    { run: 'docker rmi localhost:5000/ubuntu:16.04', shows: /^Untagged: /m },
    {
      run: 'docker pull localhost:5000/ubuntu:16.04',
      shows: /Status: Downloaded newer image for localhost:5000\/ubuntu:16\.04/,
      compared: 'lines',
    },
    { run: 'docker run --rm localhost:5000/ubuntu:16.04 echo pulled', shows: /^pulled$/m },
    'docker create --name nginx nginx',
    { run: 'docker ps -a -f name=nginx', shows: /Created/ },
    { run: 'docker start nginx', shows: /^nginx$/m },
    { run: 'docker exec nginx nginx -t', shows: /test is successful/ },
    { run: 'docker stop nginx', shows: /^nginx$/m },
    { run: 'docker run -d --restart=always --name again ubuntu:16.04 /bin/bash', shows: /^[0-9a-f]{64}$/m },
    { run: "docker inspect -f '{{.RestartCount}}' again", shows: /^[1-9]/m, again: true, compared: 'no' },
    { run: 'docker stop again', shows: /^again$/m },
    { run: 'docker rm again nginx', shows: /^nginx$/m },
    { run: 'docker kill registry', shows: /^registry$/m },
    { run: "docker inspect -f '{{.State.Status}}' registry", shows: /^exited$/m },
    { run: 'docker rm registry', shows: /^registry$/m },
    { run: 'docker run --name filled -v data:/data ubuntu:16.04 sh -c "echo volume > /data/file; echo layer > /file"' },
    { run: 'docker export filled | tar tf - file data/', shows: [/^file$/m, /^data\/$/m], hides: /data\/file/ },
    { run: 'docker export filled | docker import -c "CMD cat /file" - filled', shows: /^sha256:/ },
    { run: 'docker run --rm filled', shows: /^layer$/m },
    { run: 'docker run --rm -v data:/data -v data:/again ubuntu:16.04 cat /again/file', shows: /^volume$/m },
    { run: 'docker rm filled' },
    { run: 'docker volume rm data', shows: /^data$/m },
  ],
}
