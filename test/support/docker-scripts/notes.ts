import type { Script } from '../docker-script.js'
import { aptMasks, debianThatInstalls, helloMasks, topMasks } from './made-images.js'

const base = debianThatInstalls('ubuntu', 'ubuntu:14.04')
const loop = '/bin/sh -c "while true; do echo hello world; sleep 1; done"'

/** The first of the seeds: notes of an administrator, up to images of one's own. */
export const notes: Script = {
  name: 'notes',
  images: { ...base.images, 'training/webapp': 'flask', busybox: 'busybox' },
  packages: true,
  registries: true,
  files: {
    ...base.files,
    'whalesay/Dockerfile': 'FROM ubuntu:14.04\nRUN apt-get update && apt-get install -y cowsay\n',
    'mydockerbuild/Dockerfile': `FROM docker/whalesay:latest
RUN apt-get -y update && apt-get install -y fortunes
CMD /usr/games/fortune -a | cowsay
`,
  },
  before: [
    ...base.before,
    'docker build --quiet --tag docker/whalesay whalesay',
    'for name in centos erikap/ruby-sinatra; do docker tag ubuntu $HUB/$name && docker push --quiet $HUB/$name && docker rmi $HUB/$name; done',
    'docker rmi flask',
  ],
  steps: [
    {
      run: 'docker images',
      shows: [/^ubuntu +latest/m, /^ubuntu +14\.04/m, /^docker\/whalesay/m, /^training\/webapp/m],
      compared: 'lines',
    },
    { run: `docker run -d --name nauseous_brown ubuntu ${loop}`, shows: /^[0-9a-f]{64}$/m, into: 'ID' },
    { run: 'docker ps -a', shows: /nauseous_brown/ },
    { run: 'docker ps', shows: /"\/bin\/sh -c 'while t…" .* Up .*nauseous_brown/ },
    { run: 'docker logs $ID', shows: /hello world/, again: true, masks: helloMasks },
    { run: 'docker logs nauseous_brown', shows: /hello world/, masks: helloMasks },
    // biome-ignore lint/suspicious/noTemplateCurlyInString: the shell's
    { run: 'docker stop -t 1 ${ID:0:12}', shows: /^[0-9a-f]{12}$/m },
    { run: 'docker ps', hides: /nauseous_brown/ },
    { run: 'docker ps -a', shows: /Exited \(137\)/ },
    { run: 'docker start nauseous_brown', shows: /^nauseous_brown$/m },
    { run: 'docker stop -t 0 nauseous_brown', shows: /^nauseous_brown$/m },

    { run: 'docker version', shows: [/Client:/, /Server:/], compared: 'no' },
    { run: 'docker --help', shows: /Usage:/ },
    { run: 'docker stop --help', shows: /Usage: {2}docker stop/ },

    { run: 'docker run -d -P --name cocky_brattain training/webapp python app.py' },
    { run: 'docker ps -l', shows: /0\.0\.0\.0:\d+->5000\/tcp.*cocky_brattain/ },
    { run: 'docker port cocky_brattain 5000', shows: /^0\.0\.0\.0:\d+$/m },
    { run: "docker port cocky_brattain 5000 | sed -n 's/0.0.0.0://p'", shows: /^\d+$/m, into: 'PORT' },
    { run: 'curl -s http://localhost:$PORT', shows: /^Hello world!$/m, again: true },
    {
      run: 'docker logs -f cocky_brattain',
      shows: [/Running on http/, /"GET \/ HTTP\/1\.1" 200/],
      interrupted: true,
    },
    { run: 'docker top cocky_brattain', shows: /^UID +PID +PPID.*\n.*python app\.py$/m, masks: topMasks },
    { run: 'docker top cocky_brattain -x', shows: /^ *PID +TTY +STAT.*\n.*python app\.py$/m, masks: topMasks },
    { run: 'docker inspect cocky_brattain', shows: /"Status": "running"/, compared: 'document' },
    {
      run: "docker inspect -f '{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}' cocky_brattain",
      shows: /^172\.17\.0\.\d+$/m,
      into: 'IP',
    },
    { run: 'curl -s http://$IP:5000', shows: /^Hello world!$/m },
    { run: 'docker stop -t 1 cocky_brattain', shows: /^cocky_brattain$/m },
    { run: 'docker ps', hides: /cocky_brattain/ },
    { run: 'curl -s http://localhost:$PORT', exits: 7 },
    { run: 'docker start cocky_brattain', shows: /^cocky_brattain$/m },
    { run: 'docker ps', shows: /Up .*0\.0\.0\.0:\d+->5000\/tcp.*cocky_brattain/ },
    { run: 'docker rm cocky_brattain', exits: 1, shows: /cannot remove a running container|container is running/ },
    { run: 'docker stop -t 0 cocky_brattain', shows: /^cocky_brattain$/m },
    { run: 'docker rm cocky_brattain', shows: /^cocky_brattain$/m },
    { run: 'docker rm cocky_brattain', exits: 1, shows: /No such container: cocky_brattain/ },

    { run: 'docker pull $HUB/centos', shows: /Status: Downloaded newer image for/, compared: 'lines' },
    { run: 'docker pull $HUB/centos', shows: /Status: Image is up to date for/, compared: 'lines' },
    { run: 'docker search $INDEX/sinatra', shows: [/NAME.*DESCRIPTION/, /erikap\/ruby-sinatra/] },
    { run: 'docker pull $HUB/erikap/ruby-sinatra:latest', shows: /Status: Downloaded/, compared: 'lines' },
    {
      run: 'docker run --name gigantic_hawking -t -i $HUB/erikap/ruby-sinatra /bin/bash',
      terminal: [
        ['# ', 'echo json > /gems\r'],
        ['# ', 'exit 2\r'],
      ],
      exits: 2,
    },
    { run: 'docker ps -a', shows: /Exited \(2\).*gigantic_hawking/ },
    {
      run: 'docker commit -m "create test image from a updated container" -a "yinsl" gigantic_hawking dockeruserabcd/sinatra:v2',
      shows: /^sha256:[0-9a-f]{64}$/m,
    },
    { run: 'docker images', shows: /^dockeruserabcd\/sinatra +v2/m, compared: 'lines' },
    { run: 'docker run --rm dockeruserabcd/sinatra:v2 cat /gems', shows: /^json$/m },
    {
      run: "docker inspect -f '{{.Author}}: {{.Comment}}' dockeruserabcd/sinatra:v2",
      shows: /^yinsl: create test image from a updated container$/m,
    },

    {
      run: 'cd mydockerbuild && docker build -t docker-whale .',
      shows: [/^Step 3\/3 : CMD/m, /^Successfully tagged docker-whale:latest$/m],
      masks: aptMasks,
    },
    { run: 'docker run docker-whale', shows: /< You will build many images\. >/ },
    { run: 'docker tag docker-whale $REGISTRY/dockeruserabcd/docker-whale:latest' },
    {
      run: 'docker push $REGISTRY/dockeruserabcd/docker-whale',
      exits: 1,
      shows: /no basic auth credentials|unauthorized/,
      compared: 'lines',
    },
    { run: 'docker login -u docker -p secret $REGISTRY', shows: /Login Succeeded/ },
    { run: 'docker push $REGISTRY/dockeruserabcd/docker-whale', shows: /^latest: digest: sha256:/m, compared: 'lines' },
    { run: 'docker rm -f $(docker ps -a -q)' },
    { run: 'docker rmi $REGISTRY/dockeruserabcd/docker-whale', shows: /^Untagged: / },
    { run: 'docker rmi docker-whale', shows: /^Deleted: sha256:/m },
    {
      run: 'docker run $REGISTRY/dockeruserabcd/docker-whale',
      shows: [/< You will build many images\. >/, /Unable to find image/, /Status: Downloaded newer image/],
    },
    { run: 'docker stop -t 0 no-such-container', exits: 1, shows: /No such container: no-such-container/ },
    { run: 'docker rm `docker ps -a -q`' },
    { run: 'docker ps -a -q', hides: /[0-9a-f]/ },
    { run: "docker run ubuntu /bin/echo 'Hello world'", shows: /^Hello world$/m },
    {
      run: 'docker run -t -i ubuntu /bin/bash',
      terminal: [
        ['# ', 'pwd\r'],
        ['# ', 'exit\r'],
      ],
      shows: /^\/\r?$/m,
    },
    { run: 'docker run -d -p 80:5000 --name prickly_mcnulty training/webapp python app.py' },
    { run: 'curl -s http://localhost', shows: /^Hello world!$/m, again: true },
    { run: 'docker port prickly_mcnulty', shows: /^5000\/tcp -> 0\.0\.0\.0:80$/m },
    { run: "docker inspect -f '{{.NetworkSettings.Networks.bridge.IPAddress}}' prickly_mcnulty", shows: /^172\.17\./m },
    { run: "docker inspect -f '{{.State.Pid}}' prickly_mcnulty", shows: /^[1-9]\d*$/m, masks: topMasks },
    { run: 'docker stop -t 0 prickly_mcnulty', shows: /^prickly_mcnulty$/m },
    { run: 'docker rm $(docker ps -a -q)' },
    { run: 'docker search $INDEX/nothing-like-it', shows: /NAME/ },
    { run: 'docker logout $REGISTRY', shows: /Removing login credentials/ },
  ],
}
