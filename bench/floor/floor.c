/* floor.c - how fast a Docker-like container start can be on this machine: the anchor of `npm run bench`.
 * A measuring program: it does the system calls and nothing else, and is no example of style.
 *
 * BUILD (static musl, as the supervisor is: glibc start-up executes 43 CPUID instructions, which trap in a virtual machine)
 *   musl-gcc -O2 -static -s -w -idirafter /usr/include -idirafter /usr/include/x86_64-linux-gnu -o floor floor.c
 * RUN (root, cgroup v1 or hybrid). Everything network-ish happens in the netns it is started in, so give it one:
 *   unshare --net ./floor -n 300              # bridge network, concurrency 1, net set up in parallel
 *   unshare --net ./floor -n 300 -c 8         # 8 concurrent starters (processes)
 *   unshare --net ./floor -n 300 -p           # netns+veth+IP from a pre-made pool
 *   unshare --net ./floor -n 300 -w -p        # warm: shim+cgroup+namespaces pre-made too, only rootfs+exec remain
 *   unshare --net ./floor -n 300 -N none      # own netns, loopback only (like --network none)
 *   unshare --net ./floor -i -N none          # one run for each line on stdin, answered by its "exit" and "run" in us
 *   unshare --net ./floor -S 1000             # start 1000 `sleep`, hold, report memory, tear down
 * OPTIONS  -r ROOTFS (/tmp/floor/rootfs)  -d STATEDIR (/tmp/floor/run)  -g all|min  all mounted cgroup hierarchies, or 5
 *   -s serial: network before the shim is spawned, instead of in parallel   -j join by cgroup.procs (the slow way)
 *   -V overlay volatile   -L linear seccomp filter   -v per-phase breakdown   -6 leave IPv6 on   -D explicit RTM_DELLINK
 *   -m do not make the cgroup mounts   -o FILE append raw "start run" in us   -i see above   CMD... (default: true)
 * WHAT ONE RUN DOES: state dir + upper/work + hosts/hostname/resolv.conf + log file; vfork+exec of the shim; a cgroup in every v1
 *   hierarchy that is mounted (of 10) with memory/cpu/pids limits, devices allow-list inherited from a parent; clone3
 *   NEWNS|NEWPID|NEWUTS|NEWIPC, NEWCGROUP, netns with veth on a bridge, IPv4, default route (bridge only); overlay(2 lowers)
 *   pivot_root; /proc /dev(6 nodes, 6 links) devpts mqueue shm sysfs(ro) /sys/fs/cgroup(v1, ro); docker's masked + readonly paths;
 *   sysctls; hostname; 27 caps dropped, a seccomp filter as a tree (about 336 calls); exec; stdout/stderr by pipe through the shim
 *   to the log; wait; full teardown (cgroups, dirs; netns and veth die asynchronously).
 * WHAT IT LEAVES OUT: image and option handling, names, a store, a JSON log, attach, durability.
 * OUTPUT   "start" = call to confirmed exec; "exit" = call to the shim's seeing the end; "run" = call to everything of the container removed except the asynchronous netns.
 */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <stdint.h>
#include <stddef.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <time.h>
#include <poll.h>
#include <dirent.h>
#include <grp.h>
#include <sys/wait.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/resource.h>
#include <sys/sysmacros.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <linux/audit.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/if_link.h>
#include <arpa/inet.h>
typedef uint64_t u64;
#define IFUP 1
static u64 now(void){struct timespec t;clock_gettime(CLOCK_MONOTONIC,&t);return t.tv_sec*1000000000ull+t.tv_nsec;}
#define DIE(...) do{dprintf(2,__VA_ARGS__);dprintf(2,": %s (floor.c:%d)\n",strerror(errno),__LINE__);_exit(111);}while(0)
struct cl3{u64 flags,pidfd,child_tid,parent_tid,exit_signal,stack,stack_size,tls,set_tid,set_tid_size,cgroup;};
enum{T_ENTER=0,T_EXECD,T_SHIM,T_CG,T_CLONED,T_CHILD,T_JOIN,T_OVL,T_PIVOT,T_MNT,T_NET,T_SYS,T_SEC,T_NETDONE,T_STARTED,T_EXIT,T_CGRM,T_TORN,T_DONE,T_MAX};
static const char*TN[]={"enter","shim exec returns to engine","shim main()","cgroups made + limits","clone3(NS|PID|UTS|IPC)","child runs","child joined cgroups + NEWCGROUP","overlay mounted","pivot_root+detach","proc,dev,pts,mqueue,shm,binds,masks","netns received+setns","sysfs+cgroup mounts+sysctl+hostname","caps+seccomp","(engine: netns+veth+addr done)","exec confirmed","container exit seen","cgroups removed","dirs removed","engine sees shim gone"};
struct cfg{ // shared memory, fd 3 in the shim
 u64 t[T_MAX];int warm,cgmin,joinprocs,vol,net,ipv6,nocgm,keep,nf,cpid;char dir[128],lower[256],argv0[8][64];int argc;char host[16],cg[64];int nh;char h[12][24];struct sock_filter f[1024];};
static int nhs;static char hs[12][24],(*H)[24]=hs; // the v1 hierarchies that are mounted; a symlink (cpu -> cpu,cpuacct) is another name of one
static void hier(void){static const char*n[]={"memory","cpu,cpuacct","cpu","cpuacct","pids","devices","cpuset","freezer","blkio","hugetlb","systemd",0};for(int i=0;n[i];i++){char p[64];struct stat st;snprintf(p,64,"/sys/fs/cgroup/%s",n[i]);if(lstat(p,&st)||!S_ISDIR(st.st_mode))continue;snprintf(hs[nhs++],24,"%s",n[i]);}}
#define CGR "/sys/fs/cgroup"
static int nH(struct cfg*c){return c->cgmin&&c->nh>5?5:c->nh;}
static int wr(const char*p,const char*s){int f=open(p,O_WRONLY|O_CLOEXEC);if(f<0)return -1;int r=write(f,s,strlen(s));int e=errno;close(f);errno=e;return r<0?-1:0;}
static int wrcg(const char*h,const char*g,const char*k,const char*v){char p[192];snprintf(p,sizeof p,CGR"/%s/%s/%s",h,g,k);return wr(p,v);}
/* ---------- netlink ---------- */
typedef struct{char b[4096];int len;struct nlmsghdr*h;unsigned seq;int ack;}NL;
static int nlsock(void){int s=socket(AF_NETLINK,SOCK_RAW|SOCK_CLOEXEC,NETLINK_ROUTE),on=1;if(s<0)DIE("nl");setsockopt(s,270,10,&on,4);struct sockaddr_nl a={.nl_family=AF_NETLINK};if(bind(s,(void*)&a,sizeof a))DIE("nlbind");return s;}
static void nlm(NL*n,int type,int fl,void*body,int bl){n->h=(void*)(n->b+n->len);memset(n->h,0,16);n->h->nlmsg_type=type;n->h->nlmsg_flags=NLM_F_REQUEST|NLM_F_ACK|fl;n->ack++;n->h->nlmsg_seq=++n->seq;n->h->nlmsg_len=NLMSG_LENGTH(bl);memcpy(NLMSG_DATA(n->h),body,bl);n->len+=NLMSG_ALIGN(n->h->nlmsg_len);}
static struct rtattr*nla(NL*n,int t,const void*d,int l){struct rtattr*a=(void*)(n->b+n->len);a->rta_type=t;a->rta_len=RTA_LENGTH(l);if(l)memcpy(RTA_DATA(a),d,l);n->len+=RTA_ALIGN(a->rta_len);n->h->nlmsg_len=n->b+n->len-(char*)n->h;return a;}
static void nle(NL*n,struct rtattr*a){a->rta_len=n->b+n->len-(char*)a;}
static void nls(NL*n,int t,const char*s){nla(n,t,s,strlen(s)+1);}
static void nlu(NL*n,int t,unsigned v){nla(n,t,&v,4);}
static int nlgo(int s,NL*n){int want=n->ack,err=0;if(send(s,n->b,n->len,0)<0)DIE("nlsend");n->len=n->ack=0;char rb[8192];while(want>0){int r=recv(s,rb,sizeof rb,0);if(r<0)DIE("nlrecv");for(struct nlmsghdr*h=(void*)rb;NLMSG_OK(h,r);h=NLMSG_NEXT(h,r))if(h->nlmsg_type==NLMSG_ERROR){want--;int e=((struct nlmsgerr*)NLMSG_DATA(h))->error;if(e&&!err)err=e;}}errno=-err;return err;}
static int ifidx(int s,const char*name){NL n={0};struct ifinfomsg i={0};nlm(&n,RTM_GETLINK,0,&i,sizeof i);n.h->nlmsg_flags=NLM_F_REQUEST;nls(&n,IFLA_IFNAME,name);send(s,n.b,n.len,0);char rb[16384];recv(s,rb,sizeof rb,0);struct nlmsghdr*h=(void*)rb;return h->nlmsg_type==NLMSG_ERROR?0:((struct ifinfomsg*)NLMSG_DATA(h))->ifi_index;}
static void af6none(NL*n){unsigned char m=1;struct rtattr*a=nla(n,IFLA_AF_SPEC,0,0),*b=nla(n,AF_INET6,0,0);nla(n,8/*IFLA_INET6_ADDR_GEN_MODE*/,&m,1);nle(n,b);nle(n,a);}
static void addr(NL*n,int ifi,unsigned ip,int pl){struct ifaddrmsg a={.ifa_family=AF_INET,.ifa_prefixlen=pl,.ifa_index=ifi};nlm(n,RTM_NEWADDR,NLM_F_CREATE|NLM_F_EXCL,&a,sizeof a);nla(n,IFA_LOCAL,&ip,4);nla(n,IFA_ADDRESS,&ip,4);}
static void linkup(NL*n,int ifi,int no6){struct ifinfomsg i={.ifi_index=ifi,.ifi_flags=IFUP,.ifi_change=IFUP};nlm(n,RTM_NEWLINK,0,&i,sizeof i);if(no6)af6none(n);}
static int hostnl,hostns,br,ipv6;
static int mkbridge(void){NL n={0};struct ifinfomsg i={0};nlm(&n,RTM_NEWLINK,NLM_F_CREATE,&i,sizeof i);nls(&n,IFLA_IFNAME,"lbr0");struct rtattr*l=nla(&n,IFLA_LINKINFO,0,0);nls(&n,IFLA_INFO_KIND,"bridge");nle(&n,l);nlgo(hostnl,&n);int b=ifidx(hostnl,"lbr0");if(!b)DIE("bridge");addr(&n,b,inet_addr("172.30.0.1"),16);linkup(&n,b,!ipv6);linkup(&n,1,0);nlgo(hostnl,&n);return b;}
/* netns + veth on bridge + address + default route; returns netns fd */
static int mknet(int mode,const char*hn,unsigned ip){
 if(unshare(CLONE_NEWNET))DIE("unshare net");int fd=open("/proc/thread-self/ns/net",O_RDONLY|O_CLOEXEC),q=nlsock();if(fd<0||setns(hostns,CLONE_NEWNET))DIE("setns");
 NL n={0};
 if(mode==2){struct ifinfomsg i={0};
  nlm(&n,RTM_NEWLINK,NLM_F_CREATE|NLM_F_EXCL,&i,sizeof i);nls(&n,IFLA_IFNAME,hn);struct rtattr*li=nla(&n,IFLA_LINKINFO,0,0);nls(&n,IFLA_INFO_KIND,"veth");struct rtattr*d=nla(&n,IFLA_INFO_DATA,0,0),*p=nla(&n,1/*VETH_INFO_PEER*/,&i,sizeof i);nls(&n,IFLA_IFNAME,"eth0");nlu(&n,IFLA_NET_NS_FD,fd);nle(&n,p);nle(&n,d);nle(&n,li);
  i.ifi_flags=i.ifi_change=IFUP;nlm(&n,RTM_NEWLINK,0,&i,sizeof i);nls(&n,IFLA_IFNAME,hn);nlu(&n,IFLA_MASTER,br);if(!ipv6)af6none(&n);
  if(nlgo(hostnl,&n))DIE("veth %s",hn);}
 linkup(&n,1,0);
 if(mode==2){linkup(&n,2,!ipv6);addr(&n,2,ip,16);struct rtmsg r={.rtm_family=AF_INET,.rtm_table=RT_TABLE_MAIN,.rtm_protocol=RTPROT_BOOT,.rtm_type=RTN_UNICAST};nlm(&n,RTM_NEWROUTE,NLM_F_CREATE,&r,sizeof r);unsigned gw=inet_addr("172.30.0.1");nla(&n,RTA_GATEWAY,&gw,4);}
 if(nlgo(q,&n))DIE("net cfg");close(q);return fd;}
static void sendfd(int s,int fd){char x=1;struct iovec v={&x,1};union{char b[CMSG_SPACE(4)];struct cmsghdr a;}u={0};struct msghdr m={.msg_iov=&v,.msg_iovlen=1,.msg_control=u.b,.msg_controllen=sizeof u.b};struct cmsghdr*c=CMSG_FIRSTHDR(&m);c->cmsg_level=SOL_SOCKET;c->cmsg_type=SCM_RIGHTS;c->cmsg_len=CMSG_LEN(4);memcpy(CMSG_DATA(c),&fd,4);if(sendmsg(s,&m,MSG_NOSIGNAL)<0)DIE("sendfd");}
static int recvfd(int s){char x;struct iovec v={&x,1};union{char b[CMSG_SPACE(4)];struct cmsghdr a;}u;struct msghdr m={.msg_iov=&v,.msg_iovlen=1,.msg_control=u.b,.msg_controllen=sizeof u.b};if(recvmsg(s,&m,MSG_CMSG_CLOEXEC)<=0)_exit(112);struct cmsghdr*c=CMSG_FIRSTHDR(&m);int fd;memcpy(&fd,CMSG_DATA(c),4);return fd;}
/* ---------- seccomp: one compare tree over ranges ---------- */
static struct sock_filter*P;static int np,rs[512],ra[512],nr;
static void E(int c,int t,int f,unsigned k){P[np++]=(struct sock_filter){c,t,f,k};}
static void tree(int lo,int hi){if(hi-lo==1){E(BPF_RET,0,0,ra[lo]?SECCOMP_RET_ALLOW:SECCOMP_RET_ERRNO|1);return;}int mid=(lo+hi)/2,j=np;E(BPF_JMP|BPF_JGE|BPF_K,0,0,rs[mid]);tree(lo,mid);P[j].jt=np-j-1;tree(mid,hi);}
static int okcall(int i){if(i==39||i==60||i==231||i==1||i==228||i==186)return 1;return !(i%19==7||i%31==5||(i>=335&&i<424)||i>460) ||i==59||i==12||i==158||i==218||i==302||i==334||i==102||i==105||i==106||i==35||i==13||i==14||i==0||i==3||i==9||i==10||i==11;}
static int mkfilter(struct sock_filter*o,int linear){P=o;np=0;E(BPF_LD|BPF_W|BPF_ABS,0,0,4);E(BPF_JMP|BPF_JEQ|BPF_K,1,0,AUDIT_ARCH_X86_64);E(BPF_RET,0,0,SECCOMP_RET_KILL_PROCESS);E(BPF_LD|BPF_W|BPF_ABS,0,0,0);
 if(linear){for(int i=0;i<512;i++)if(okcall(i)){E(BPF_JMP|BPF_JEQ|BPF_K,0,1,i);E(BPF_RET,0,0,SECCOMP_RET_ALLOW);}E(BPF_RET,0,0,SECCOMP_RET_ERRNO|1);return np;}
 nr=0;int prev=-1;for(int i=0;i<512;i++)if(okcall(i)!=prev){rs[nr]=i;ra[nr++]=prev=okcall(i);}tree(0,nr);return np;}
/* ---------- child: inside the new namespaces ---------- */
#define M(...) do{if(mount(__VA_ARGS__))DIE("mount");}while(0)
static void child(struct cfg*c,int netsock,int out,int execpipe){
 char b[768];c->t[T_CHILD]=now();
 if(!c->joinprocs){for(int i=0;i<nH(c);i++)if(wrcg(H[i],c->cg,"tasks","0"))DIE("join %s",H[i]);} // "0" into tasks: no global rwsem, no RCU grace period
 if(unshare(CLONE_NEWCGROUP))DIE("cgroupns");
 c->t[T_JOIN]=now();
 if(c->warm){char x;if(read(6,&x,1)!=1)_exit(0);close(6);c->t[T_JOIN]=now();}
 M(0,"/",0,MS_REC|MS_PRIVATE,0);
 if(chdir(c->dir))DIE("chdir");
 int tf[3];static const char*etc[]={"hosts","hostname","resolv.conf"};for(int i=0;i<3;i++)tf[i]=syscall(428,AT_FDCWD,etc[i],1|O_CLOEXEC); // open_tree(CLONE): detached binds, attached after pivot
 snprintf(b,sizeof b,"%slowerdir=%s,upperdir=u,workdir=w",c->vol?"volatile,":"",c->lower);M("overlay","m","overlay",0,b);
 c->t[T_OVL]=now();
 if(chdir("m")||syscall(SYS_pivot_root,".",".")||umount2(".",MNT_DETACH)||chdir("/"))DIE("pivot");
 c->t[T_PIVOT]=now();
 M("proc","/proc","proc",MS_NOSUID|MS_NOEXEC|MS_NODEV,0);
 M("tmpfs","/dev","tmpfs",MS_NOSUID|MS_STRICTATIME,"mode=755,size=65536k");
 umask(0);static const struct{const char*n;int a,i;}dv[]={{"/dev/null",1,3},{"/dev/zero",1,5},{"/dev/full",1,7},{"/dev/random",1,8},{"/dev/urandom",1,9},{"/dev/tty",5,0}};
 for(int i=0;i<6;i++)if(mknod(dv[i].n,S_IFCHR|0666,makedev(dv[i].a,dv[i].i)))DIE("mknod %s",dv[i].n);
 symlink("/proc/self/fd","/dev/fd");symlink("/proc/self/fd/0","/dev/stdin");symlink("/proc/self/fd/1","/dev/stdout");symlink("/proc/self/fd/2","/dev/stderr");symlink("/proc/kcore","/dev/core");symlink("pts/ptmx","/dev/ptmx");umask(022);
 mkdir("/dev/pts",0755);mkdir("/dev/shm",01777);mkdir("/dev/mqueue",0755);
 M("devpts","/dev/pts","devpts",MS_NOSUID|MS_NOEXEC,"newinstance,ptmxmode=0666,mode=0620,gid=5");
 M("mqueue","/dev/mqueue","mqueue",MS_NOSUID|MS_NOEXEC|MS_NODEV,0);
 M("shm","/dev/shm","tmpfs",MS_NOSUID|MS_NOEXEC|MS_NODEV,"mode=1777,size=65536k");
 static const char*et[]={"/etc/hosts","/etc/hostname","/etc/resolv.conf"};for(int i=0;i<3;i++){if(syscall(429,tf[i],"",AT_FDCWD,et[i],4))DIE("move %s",et[i]);close(tf[i]);}
 c->t[T_MNT]=now();
 int nfd=recvfd(netsock);if(setns(nfd,CLONE_NEWNET))DIE("setns");close(nfd);close(netsock);
 c->t[T_NET]=now();
 M("sysfs","/sys","sysfs",MS_RDONLY|MS_NOSUID|MS_NOEXEC|MS_NODEV,0);
 if(!c->nocgm){M("tmpfs","/sys/fs/cgroup","tmpfs",MS_NOSUID|MS_NOEXEC|MS_NODEV,"mode=755");for(int i=0;i<nH(c);i++){char p[64];snprintf(p,64,"/sys/fs/cgroup/%s",H[i]);mkdir(p,0755);M("cgroup",p,"cgroup",MS_RDONLY|MS_NOSUID|MS_NOEXEC|MS_NODEV,strcmp(H[i],"systemd")?H[i]:"none,name=systemd");}M(0,"/sys/fs/cgroup",0,MS_REMOUNT|MS_BIND|MS_RDONLY|MS_NOSUID|MS_NOEXEC|MS_NODEV,0);}
 if(!c->ipv6){wr("/proc/sys/net/ipv6/conf/all/disable_ipv6","1");wr("/proc/sys/net/ipv6/conf/default/disable_ipv6","1");}
 wr("/proc/sys/net/ipv4/ip_unprivileged_port_start","0");wr("/proc/sys/net/ipv4/ping_group_range","0 2147483647");
 static const char*ro[]={"/proc/bus","/proc/fs","/proc/irq","/proc/sys","/proc/sysrq-trigger"};for(int i=0;i<5;i++){if(mount(ro[i],ro[i],0,MS_BIND|MS_REC,0)){if(errno==ENOENT)continue;DIE("ro");}M(0,ro[i],0,MS_BIND|MS_REMOUNT|MS_RDONLY|MS_NOSUID|MS_NOEXEC|MS_NODEV,0);}
 static const char*mk[]={"/proc/asound","/proc/acpi","/proc/interrupts","/proc/kcore","/proc/keys","/proc/latency_stats","/proc/timer_list","/proc/timer_stats","/proc/sched_debug","/proc/scsi","/sys/firmware","/sys/devices/virtual/powercap"};
 for(int i=0;i<12;i++)if(mount("/dev/null",mk[i],0,MS_BIND,0)){if(errno==ENOENT)continue;if(errno!=ENOTDIR)DIE("mask %s",mk[i]);M("tmpfs",mk[i],"tmpfs",MS_RDONLY,"size=0k");}
 sethostname(c->host,strlen(c->host));
 c->t[T_SYS]=now();
 int nl=open("/dev/null",O_RDWR);dup2(nl,0);dup2(out,1);dup2(out,2);
 struct rlimit rl={1024,1024};setrlimit(RLIMIT_NOFILE,&rl);wr("/proc/self/oom_score_adj","0");
 struct sock_fprog fp={c->nf,c->f};if(syscall(SYS_seccomp,1,0,&fp))DIE("seccomp"); // before the caps go: needs CAP_SYS_ADMIN or no_new_privs
 u64 keep=0xa80425fb;for(int k=0;k<41;k++)if(!((keep>>k)&1))prctl(PR_CAPBSET_DROP,k,0,0,0);
 setgroups(0,0);syscall(SYS_setresgid,0,0,0);syscall(SYS_setresuid,0,0,0);
 struct{unsigned v;int p;}ch={0x20080522,0};unsigned cd[6]={keep,keep,0,0,0,0};if(syscall(SYS_capset,&ch,cd))DIE("capset");
 char*av[9];for(int i=0;i<c->argc;i++)av[i]=c->argv0[i];av[c->argc]=0;char*ev[]={"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin","HOSTNAME=x","HOME=/root",0};
 char ex[80];snprintf(ex,80,"/bin/%s",av[0]);syscall(SYS_close_range,3,~0u,4/*CLOEXEC*/);
 c->t[T_SEC]=now();execve(ex,av,ev);DIE("exec %s",ex);}
/* ---------- shim: one per container. fds: 3 cfg, 4 status to engine, 5 netns fd socket, 6 go pipe ---------- */
static int rmcg(struct cfg*c){for(int i=0;i<nH(c);i++){char p[192];snprintf(p,sizeof p,CGR"/%s/%s",H[i],c->cg);int k=0;while(rmdir(p)){if(errno!=EBUSY||k++>20000)DIE("rmdir %s",p);usleep(50);}}return 0;}
static void rmtree(int at,const char*n){int d=openat(at,n,O_RDONLY|O_DIRECTORY|O_NOFOLLOW|O_CLOEXEC);if(d<0){unlinkat(at,n,0);return;}char b[2048];long r;while((r=syscall(SYS_getdents64,d,b,sizeof b))>0){for(long o=0;o<r;){struct{u64 i,o;unsigned short l;unsigned char t;char n[];}*e=(void*)(b+o);o+=e->l;if(e->n[0]=='.'&&(!e->n[1]||(e->n[1]=='.'&&!e->n[2])))continue;if(e->t==DT_DIR)rmtree(d,e->n);else unlinkat(d,e->n,0);}}close(d);unlinkat(at,n,AT_REMOVEDIR);}
static int shim(void){
 struct cfg*c=mmap(0,sizeof*c,PROT_READ|PROT_WRITE,MAP_SHARED,3,0);if(c==MAP_FAILED)DIE("shim mmap");c->t[T_SHIM]=now();H=c->h;close(3);setsid();
 char p[192];for(int i=0;i<nH(c);i++){snprintf(p,sizeof p,CGR"/%s/%s",H[i],c->cg);if(mkdir(p,0755))DIE("mkdir %s",p);}
 if(wrcg("memory",c->cg,"memory.limit_in_bytes","268435456")||wrcg("cpu",c->cg,"cpu.cfs_quota_us","200000")||wrcg("pids",c->cg,"pids.max","100"))DIE("limits");
 c->t[T_CG]=now();
 int ep[2],op[2];if(pipe2(ep,O_CLOEXEC)||pipe2(op,O_CLOEXEC))DIE("pipe");int pfd=-1;
 struct cl3 a={.flags=CLONE_PIDFD|CLONE_NEWNS|CLONE_NEWPID|CLONE_NEWUTS|CLONE_NEWIPC,.pidfd=(u64)&pfd,.exit_signal=SIGCHLD};
 int gate[2];if(c->joinprocs&&pipe2(gate,O_CLOEXEC))DIE("pipe");
 long pid=syscall(435,&a,sizeof a);if(pid<0)DIE("clone3");
 if(!pid){if(c->joinprocs){char x;close(gate[1]);read(gate[0],&x,1);}child(c,5,op[1],ep[1]);}
 c->t[T_CLONED]=now();c->cpid=pid;close(ep[1]);close(op[1]);close(5);
 if(c->joinprocs){char ps[16];snprintf(ps,16,"%ld",pid);for(int i=0;i<nH(c);i++)if(wrcg(H[i],c->cg,"cgroup.procs",ps))DIE("procs");close(gate[1]);close(gate[0]);}
 char b[16384];snprintf(b,256,"%s/log",c->dir);int lf=open(b,O_CREAT|O_WRONLY|O_APPEND|O_CLOEXEC,0640);
 char x;read(ep[0],&x,1);c->t[T_STARTED]=now();close(ep[0]);write(4,"S",1);
 struct pollfd pf[3]={{op[0],POLLIN},{pfd,POLLIN},{4,POLLIN}};int open_out=1,dead=0;
 while(!dead){poll(pf,3,-1);if(pf[0].revents){int r=read(op[0],b,sizeof b);if(r>0)write(lf,b,r);else pf[0].fd=-1;}if(pf[2].revents){read(4,b,8);syscall(424/*pidfd_send_signal*/,pfd,9,0,0);pf[2].fd=-1;}if(pf[1].revents)dead=1;}
 siginfo_t si;waitid(3/*P_PIDFD*/,pfd,&si,WEXITED);
 if(pf[0].fd>=0){fcntl(op[0],F_SETFL,O_NONBLOCK);int r;while((r=read(op[0],b,sizeof b))>0)write(lf,b,r);}
 c->t[T_EXIT]=now();rmcg(c);c->t[T_CGRM]=now();close(lf);if(!c->keep)rmtree(AT_FDCWD,c->dir);c->t[T_TORN]=now();
 char st[2]={'X',si.si_status};write(4,st,2);_exit(0);}
/* ---------- engine ---------- */
static int N=200,C=1,pool,warm,serial,inter,cgmin,joinp,vol,lin,verb,netmode=2,dell,nocgm,S;static const char*rootfs="/tmp/floor/rootfs",*sd="/tmp/floor/run";static char*self;static char**cmd;static int ncmd;static char initl[160];static const char*raw;
typedef struct{int memfd;struct cfg*c;int sv,nv,go,pid,netfd;char hn[16];}CT;
static void fput(int d,const char*n,const char*s){int f=openat(d,n,O_CREAT|O_WRONLY|O_CLOEXEC,0644);if(f<0)DIE("fput");write(f,s,strlen(s));close(f);}
static void prep(CT*t,int w,int i){ // state directory, cfg page, spawn shim
 struct cfg*c=t->c;snprintf(c->dir,128,"%s/%d.%d",sd,w,i);snprintf(c->cg,64,"floor-p/floor-%d-%d",w,i);snprintf(c->host,16,"c%d-%d",w,i);
 if(mkdir(c->dir,0700))DIE("mkdir %s",c->dir);int d=open(c->dir,O_PATH|O_DIRECTORY|O_CLOEXEC);mkdirat(d,"u",0755);mkdirat(d,"w",0700);mkdirat(d,"m",0700);fput(d,"hosts","127.0.0.1 localhost\n");fput(d,"hostname",c->host);fput(d,"resolv.conf","nameserver 172.30.0.1\n");close(d);
 int sv[2],nv[2],go[2]={-1,-1};if(socketpair(AF_UNIX,SOCK_SEQPACKET|SOCK_CLOEXEC,0,sv)||socketpair(AF_UNIX,SOCK_SEQPACKET|SOCK_CLOEXEC,0,nv))DIE("sp");if(warm&&pipe2(go,O_CLOEXEC))DIE("pipe");
 sigset_t all,old;sigfillset(&all);sigprocmask(SIG_BLOCK,&all,&old);
 pid_t p=vfork();
 if(!p){int f[4]={t->memfd,sv[1],nv[1],go[0]};for(int k=0;k<4;k++)if(f[k]>=0)f[k]=fcntl(f[k],F_DUPFD_CLOEXEC,100);for(int k=0;k<4;k++)if(f[k]>=0)dup2(f[k],3+k);sigprocmask(SIG_SETMASK,&old,0);char*av[]={"floor-shim",0},*ev[]={0};execve("/proc/self/exe",av,ev);_exit(127);}
 sigprocmask(SIG_SETMASK,&old,0);c->t[T_EXECD]=now();if(p<0)DIE("vfork");
 close(sv[1]);close(nv[1]);if(warm)close(go[0]);t->sv=sv[0];t->nv=nv[0];t->go=go[1];t->pid=p;}
static void ctinit(CT*t){t->memfd=memfd_create("cfg",MFD_CLOEXEC);ftruncate(t->memfd,sizeof(struct cfg));t->c=mmap(0,sizeof(struct cfg),PROT_READ|PROT_WRITE,MAP_SHARED,t->memfd,0);struct cfg*c=t->c;
 c->warm=warm;c->cgmin=cgmin;c->nh=nhs;memcpy(c->h,hs,sizeof hs);c->joinprocs=joinp;c->vol=vol;c->net=netmode;c->ipv6=ipv6;c->nocgm=nocgm;snprintf(c->lower,256,"%s:%s",initl,rootfs);c->nf=mkfilter(c->f,lin);c->argc=ncmd;for(int k=0;k<ncmd;k++)snprintf(c->argv0[k],64,"%s",cmd[k]);}
static void start(CT*t,int w,int i){ // until exec is confirmed
 struct cfg*c=t->c;unsigned ip=inet_addr("172.30.1.0")+htonl((w*4096+i)%60000+1);snprintf(t->hn,16,"lv%d-%d",w,i);
 if(!pool&&!warm)t->netfd=-1;
 if(warm){prep(t,w,i);while(!*(volatile u64*)&c->t[T_JOIN])usleep(100);usleep(300);} // pre-made, not timed
 if(pool)t->netfd=mknet(netmode,t->hn,ip);                                              // pre-made, not timed
 c->t[T_ENTER]=now();
 if(!pool&&serial)t->netfd=mknet(netmode,t->hn,ip),c->t[T_NETDONE]=now();
 if(warm)write(t->go,"g",1),close(t->go);else prep(t,w,i);
 if(t->netfd<0){t->netfd=mknet(netmode,t->hn,ip);c->t[T_NETDONE]=now();}
 sendfd(t->nv,t->netfd);close(t->netfd);t->netfd=-1;close(t->nv);
 char b[4];if(read(t->sv,b,1)!=1||b[0]!='S')DIE("shim died");}
static void finish(CT*t){char b[4];if(read(t->sv,b,4)!=2||b[0]!='X')DIE("shim died 2");if(b[1]&&!S)DIE("container status %d",b[1]);while(waitpid(t->pid,0,0)<0&&errno==EINTR);t->c->t[T_DONE]=now();close(t->sv);if(dell){NL n={0};struct ifinfomsg i={0};nlm(&n,RTM_DELLINK,0,&i,sizeof i);nls(&n,IFLA_IFNAME,t->hn);nlgo(hostnl,&n);t->c->t[T_DONE]=now();}}
static int cmpu(const void*a,const void*b){u64 x=*(u64*)a,y=*(u64*)b;return x<y?-1:x>y;}
static void rep(const char*nm,u64*v,int n){int bl=n/10<20?(n<20?n:20):n/10;u64*s=malloc(n*8),q=~0ull;for(int o=0;o+bl<=n;o+=bl){memcpy(s,v+o,bl*8);qsort(s,bl,8,cmpu);if(s[bl/2]<q)q=s[bl/2];}memcpy(s,v,n*8);qsort(s,n,8,cmpu);printf("%-44s min %8.3f  quiet-median %8.3f  median %8.3f  p99 %8.3f ms\n",nm,s[0]/1e6,q/1e6,s[n/2]/1e6,s[(int)((n-1)*.99)]/1e6);free(s);}
static double mi(const char*k){char b[8192],kk[64];int f=open("/proc/meminfo",O_RDONLY);int r=read(f,b,8191);b[r]=0;close(f);snprintf(kk,64,"\n%s:",k);char*p=strstr(b,kk);return p?atof(p+strlen(kk)):0;}
static double busy(void){char b[512];int f=open("/proc/stat",O_RDONLY);int r=read(f,b,511);b[r]=0;close(f);double u,n,s,i,w,q,si;sscanf(b,"cpu %lf %lf %lf %lf %lf %lf %lf",&u,&n,&s,&i,&w,&q,&si);return(u+n+s+q+si)*10;}
static int ports(void){char b[64];DIR*d=opendir("/proc/self/net/dev_snmp6");int n=0;if(d){struct dirent*e;while((e=readdir(d)))if(!strncmp(e->d_name,"lv",2))n++;closedir(d);}return n;}
static int pss(int pid,const char*key){char p[64],b[4096];snprintf(p,64,"/proc/%d/smaps_rollup",pid);int f=open(p,O_RDONLY);if(f<0)return 0;int r=read(f,b,4095);b[r>0?r:0]=0;close(f);char*q=strstr(b,key);return q?atoi(q+strlen(key)):0;}
static int prevph(int ph){switch(ph){case T_SHIM:case T_EXECD:return 0;case T_CHILD:return T_CG;case T_NETDONE:return serial?0:T_EXECD;case T_STARTED:return T_SEC;case T_EXIT:return T_STARTED;}return ph-1;}
static void scale(void){
 static char*sc[]={"sleep","1000000",0};cmd=sc;ncmd=2;setvbuf(stdout,0,_IOLBF,0);CT*t=calloc(S,sizeof*t);for(int i=0;i<S;i++)ctinit(&t[i]);u64*v=calloc(S,8);
 struct{const char*k;double v;}mm[]={{"MemFree"},{"Slab"},{"SUnreclaim"},{"KernelStack"},{"PageTables"},{"Percpu"},{"AnonPages"},{"Shmem"},{0}};for(int k=0;mm[k].k;k++)mm[k].v=mi(mm[k].k);
 double b0=busy();u64 t0=now();
 {for(int i=0;i<S;i++){start(&t[i],i/4000,i);v[i]=t[i].c->t[T_STARTED]-t[i].c->t[T_ENTER];}}
 u64 t1=now();printf("%d containers running after %.1f ms (%.2f ms each, %.0f/s), machine CPU %.0f ms\n",S,(t1-t0)/1e6,(t1-t0)/1e6/S,S/((t1-t0)/1e9),busy()-b0);
 int q=S/4;for(int k=0;k<4;k++){char nm[64];snprintf(nm,64,"  start of containers %d..%d",k*q,k*q+q-1);rep(nm,v+k*q,q);}
 if(verb)for(int k=0;k<4;k+=3)for(int ph=1;ph<=T_STARTED;ph++){int pv=prevph(ph);for(int i=0;i<q;i++){u64*tt=t[k*q+i].c->t;v[i]=tt[ph]>tt[pv]?tt[ph]-tt[pv]:0;}char nm[96];snprintf(nm,96,"  [%d..] +%s",k*q,TN[ph]);rep(nm,v,q);}
 if(getenv("HOOK"))system(getenv("HOOK"));
 b0=busy();sleep(3);printf("machine CPU in 3 s idle: %.0f ms\n",busy()-b0);
 for(int k=0;mm[k].k;k++)printf("  %-12s %+8.1f KB per container\n",mm[k].k,(mi(mm[k].k)-mm[k].v)/S);
 {long sr=0,sp=0,cr=0,cp=0;for(int i=0;i<S;i++){sr+=pss(t[i].pid,"Rss:");sp+=pss(t[i].pid,"Pss:");cr+=pss(t[i].c->cpid,"Rss:");cp+=pss(t[i].c->cpid,"Pss:");}
 printf("  shim Rss %ld KB Pss %ld KB; container(busybox sleep) Rss %ld KB Pss %ld KB\n",sr/S,sp/S,cr/S,cp/S);
 int nf=0;DIR*d=opendir("/proc/self/fd");while(readdir(d))nf++;closedir(d);char p[64];snprintf(p,64,"/proc/%d/fd",t[S/2].pid);int sf=0;d=opendir(p);while(readdir(d))sf++;closedir(d);printf("  fds: engine %.1f per container (1 status socket + 1 memfd of this bench), shim %d\n",(nf-8.0)/S,sf-2);
 b0=busy();u64 t2=now();for(int i=0;i<S;i++)write(t[i].sv,"K",1);for(int i=0;i<S;i++)finish(&t[i]);u64 t3=now();int k=0;while(ports()&&k++<60000)usleep(1000);u64 t4=now();
 printf("teardown: all killed, cgroups+dirs removed after %.1f ms (%.2f each); all veth gone after %.1f ms; machine CPU %.0f ms\n",(t3-t2)/1e6,(t3-t2)/1e6/S,(t4-t2)/1e6,busy()-b0);}
}
int main(int argc,char**argv){
 if(!strcmp(argv[0],"floor-shim"))return shim();
 int o;while((o=getopt(argc,argv,"+n:c:S:r:d:g:N:o:pwsijVLv6Dm"))!=-1)switch(o){case'n':N=atoi(optarg);break;case'c':C=atoi(optarg);break;case'S':S=atoi(optarg);break;case'r':rootfs=optarg;break;case'd':sd=optarg;break;case'g':cgmin=!strcmp(optarg,"min");break;case'N':netmode=!strcmp(optarg,"none")?1:2;break;case'p':pool=1;break;case'w':warm=1;break;case's':serial=1;break;case'i':inter=1;break;case'j':joinp=1;break;case'V':vol=1;break;case'L':lin=1;break;case'v':verb=1;break;case'6':ipv6=1;break;case'D':dell=1;break;case'm':nocgm=1;break;case'o':raw=optarg;break;default:return 2;}
 cmd=argv+optind;ncmd=argc-optind;static char*dc[]={"true",0};if(!ncmd){cmd=dc;ncmd=1;}
 struct rlimit rl;getrlimit(RLIMIT_NOFILE,&rl);rl.rlim_cur=rl.rlim_max;setrlimit(RLIMIT_NOFILE,&rl);
 mkdir(sd,0755);snprintf(initl,160,"%s/init",sd);mkdir(initl,0755);char b[256];static const char*dd[]={"etc","dev","proc","sys",0};for(int i=0;dd[i];i++){snprintf(b,256,"%s/%s",initl,dd[i]);mkdir(b,0755);}static const char*ff[]={"etc/hosts","etc/hostname","etc/resolv.conf",0};for(int i=0;ff[i];i++){snprintf(b,256,"%s/%s",initl,ff[i]);close(open(b,O_CREAT|O_WRONLY,0644));}
 hier();if(nhs<4){fprintf(stderr,"floor: no cgroup v1 hierarchies\n");return 3;}for(int i=0;i<nhs;i++){snprintf(b,256,CGR"/%s/floor-p",H[i]);mkdir(b,0755);} // parent: children inherit devices list and cpuset
 char cs[64];int f=open(CGR"/cpuset/cpuset.cpus",O_RDONLY);int r=read(f,cs,63);cs[r]=0;close(f);wr(CGR"/cpuset/floor-p/cpuset.cpus",cs);wr(CGR"/cpuset/floor-p/cpuset.mems","0");wr(CGR"/cpuset/floor-p/cgroup.clone_children","1");
 wr(CGR"/devices/floor-p/devices.deny","a");static const char*al[]={"c *:* m","b *:* m","c 1:3 rwm","c 1:5 rwm","c 1:7 rwm","c 1:8 rwm","c 1:9 rwm","c 5:0 rwm","c 5:2 rwm","c 136:* rwm",0};for(int i=0;al[i];i++)wr(CGR"/devices/floor-p/devices.allow",al[i]);
 hostns=open("/proc/self/ns/net",O_RDONLY|O_CLOEXEC);hostnl=nlsock();if(netmode==2)br=mkbridge();
 if(S){scale();goto out;}
 if(inter){CT t={0};t.netfd=-1;ctinit(&t);setvbuf(stdout,0,_IOLBF,0);for(int i=0;fgets(b,sizeof b,stdin);i++){memset(t.c->t,0,sizeof t.c->t);start(&t,0,i);finish(&t);u64*z=t.c->t;printf("%.1f %.1f\n",(z[T_EXIT]-z[0])/1e3,(z[T_DONE]-z[0])/1e3);}goto out;}
 u64*sh=mmap(0,(size_t)N*T_MAX*8,PROT_READ|PROT_WRITE,MAP_SHARED|MAP_ANONYMOUS,-1,0);double b0=busy();u64 t0=now();
 for(int w=0;w<C;w++)if(!fork()){hostnl=nlsock();CT t={0};t.netfd=-1;ctinit(&t);for(int i=w;i<N;i+=C){memset(t.c->t,0,sizeof t.c->t);start(&t,w,i);finish(&t);memcpy(sh+(size_t)i*T_MAX,t.c->t,sizeof t.c->t);}_exit(0);}
 int st,bad=0;while(wait(&st)>0)if(st)bad=1;u64 t1=now();int k=0;while(ports()&&k++<20000)usleep(500);u64 t2=now();if(bad){fprintf(stderr,"a worker failed\n");return 1;}
 u64*v=malloc(N*8),*z=malloc(N*8),*x=malloc(N*8);for(int i=0;i<N;i++){u64*t=sh+(size_t)i*T_MAX;v[i]=t[T_STARTED]-t[0];z[i]=t[T_DONE]-t[0];x[i]=t[T_EXIT]-t[0];}
 printf("n=%d concurrency=%d %s%s%snet=%s cgroups=%d%s%s: %.0f runs/s (%.0f/s until all veth gone), machine CPU %.2f ms per run\n",N,C,pool?"pool ":"",warm?"warm ":"",serial?"serial ":"",netmode==2?"bridge":"none",cgmin&&nhs>5?5:nhs,joinp?" join=procs":"",vol?" volatile":"",N/((t1-t0)/1e9),N/((t2-t0)/1e9),(busy()-b0)/N);
 rep("start (call -> exec confirmed)",v,N);rep("exit  (call -> exit seen by shim)",x,N);rep("run   (call -> torn down, shim reaped)",z,N);
 if(raw){FILE*f=fopen(raw,"a");for(int i=0;i<N;i++)fprintf(f,"%.1f %.1f\n",v[i]/1e3,z[i]/1e3);fclose(f);}
 if(verb)for(int ph=1;ph<T_MAX;ph++){int pv=prevph(ph);for(int i=0;i<N;i++){u64*t=sh+(size_t)i*T_MAX;v[i]=t[ph]>t[pv]?t[ph]-t[pv]:0;}char nm[96];snprintf(nm,96,"  +%s",TN[ph]);rep(nm,v,N);}
out:;
 for(int i=0;i<nhs;i++){snprintf(b,256,CGR"/%s/floor-p",H[i]);rmdir(b);}
 NL n={0};if(netmode==2){struct ifinfomsg im={0};nlm(&n,RTM_DELLINK,0,&im,sizeof im);nls(&n,IFLA_IFNAME,"lbr0");nlgo(hostnl,&n);}
 return 0;}
