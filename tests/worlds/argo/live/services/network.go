package main

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"
	"unsafe"

	"github.com/argoproj/argo-events/pkg/apis/events/v1alpha1"
	eventbuscommon "github.com/argoproj/argo-events/pkg/eventbus/common"
	jetstreamsource "github.com/argoproj/argo-events/pkg/eventbus/jetstream/eventsource"
	"github.com/argoproj/argo-events/pkg/shared/logging"
	"github.com/nats-io/nats-server/v2/server"
)

// command is one line of standard input. "start" names a folder below FOLDER, "kind" is sensor or eventsource; "kill"
// ends it as the kernel ends a process without memory; "publish" is what an event source of another kind does: an
// event of `source` and `subject`, base64 of its JSON text.
type command struct {
	Start   string `json:"start,omitempty"`
	Kind    string `json:"kind,omitempty"`
	Kill    string `json:"kill,omitempty"`
	Publish string `json:"publish,omitempty"`
	Source  string `json:"source,omitempty"`
	Subject string `json:"subject,omitempty"`
	ID      string `json:"id,omitempty"`
}

// outside starts this program again in a network of its own and passes connections on.
func outside(folder string, kubernetes string) {
	webhook, err := net.Listen("tcp", "127.0.0.1:0")
	check(err)
	outcomes, err := net.Listen("tcp", "127.0.0.1:0")
	check(err)
	monitor, err := net.Listen("tcp", "127.0.0.1:0")
	check(err)
	api, err := net.Listen("unix", filepath.Join(folder, "kubernetes.sock"))
	check(err)
	go pass(webhook, "unix", filepath.Join(folder, "webhook.sock"))
	go pass(outcomes, "unix", filepath.Join(folder, "outcomes.sock"))
	go pass(monitor, "unix", filepath.Join(folder, "monitor.sock"))
	go pass(api, "tcp", strings.TrimPrefix(kubernetes, "http://"))
	told, err := json.Marshal(map[string]string{
		"webhook": webhook.Addr().String(), "outcomes": outcomes.Addr().String(), "monitor": monitor.Addr().String(),
	})
	check(err)
	fmt.Println(string(told))
	child := alone("inside", folder)
	child.Stdin, child.Stdout, child.Stderr = os.Stdin, os.Stdout, os.Stderr
	checkPlainly(child.Run())
}

// alone is this program in a network of its own; in a namespace of users, so that it takes no administrator.
func alone(arguments ...string) *exec.Cmd {
	self, err := os.Executable()
	check(err)
	child := exec.Command(self, arguments...)
	child.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWUSER | syscall.CLONE_NEWNET,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}},
		Pdeathsig:   syscall.SIGKILL,
	}
	return child
}

// pass gives each connection of a listener to another address.
func pass(listener net.Listener, network string, address string) {
	for {
		near, err := listener.Accept()
		if err != nil {
			return
		}
		go func() {
			defer near.Close()
			far, err := net.Dial(network, address)
			if err != nil {
				return
			}
			defer far.Close()
			done := make(chan bool, 2)
			for _, pair := range [][2]net.Conn{{near, far}, {far, near}} {
				go func() {
					_, _ = io.Copy(pair[0], pair[1])
					if half, ok := pair[0].(interface{ CloseWrite() error }); ok {
						_ = half.CloseWrite()
					}
					done <- true
				}()
			}
			<-done
			<-done
		}()
	}
}

type services struct {
	folder string
	lock   sync.Mutex
	alive  map[string]*exec.Cmd
	inputs map[string]io.Closer
	ended  map[string]chan bool
}

func inside(folder string) {
	loopbackUp()
	serveBus(filepath.Join(folder, "nats"))
	for name, address := range map[string]string{
		"webhook": "127.0.0.1:12000", "outcomes": "127.0.0.1:12001", "monitor": "127.0.0.1:8222",
	} {
		listener, err := net.Listen("unix", filepath.Join(folder, name+".sock"))
		check(err)
		go pass(listener, "tcp", address)
	}
	api, err := net.Listen("tcp", "127.0.0.1:6443")
	check(err)
	go pass(api, "unix", filepath.Join(folder, "kubernetes.sock"))
	all := &services{folder: folder, alive: map[string]*exec.Cmd{}, inputs: map[string]io.Closer{}, ended: map[string]chan bool{}}
	tell(map[string]interface{}{"ready": true})
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, 8<<20)
	for lines.Scan() {
		var asked command
		check(json.Unmarshal(lines.Bytes(), &asked))
		switch {
		case asked.Start != "":
			all.start(asked.Start, asked.Kind)
		case asked.Kill != "":
			all.kill(asked.Kill)
		case asked.Publish != "":
			publish(asked)
		}
	}
	// Whoever gave commands is gone. The services' standard input ends with this process.
	for name := range all.alive {
		all.kill(name)
	}
}

var telling sync.Mutex

func tell(what map[string]interface{}) {
	telling.Lock()
	defer telling.Unlock()
	text, err := json.Marshal(what)
	check(err)
	fmt.Println(string(text))
}

func (all *services) start(name string, kind string) {
	self, err := os.Executable()
	check(err)
	root := filepath.Join(all.folder, name)
	check(os.MkdirAll(filepath.Join(root, "tmp"), 0o700))
	_ = os.Remove(filepath.Join(root, "tmp", "graft.log")) // a pod that starts again has an empty /tmp
	log, err := os.OpenFile(filepath.Join(root, "log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	check(err)
	child := exec.Command(self, kind, root)
	child.Stdout, child.Stderr = log, log
	input, err := child.StdinPipe()
	check(err)
	check(child.Start())
	check(log.Close())
	ended := make(chan bool)
	all.lock.Lock()
	all.alive[name], all.inputs[name], all.ended[name] = child, input, ended
	all.lock.Unlock()
	tell(map[string]interface{}{"started": name, "pid": child.Process.Pid})
	go func() {
		_ = child.Wait()
		all.lock.Lock()
		delete(all.alive, name)
		all.lock.Unlock()
		tell(map[string]interface{}{"ended": name, "code": child.ProcessState.ExitCode()})
		close(ended)
	}()
}

func (all *services) kill(name string) {
	all.lock.Lock()
	child, ended := all.alive[name], all.ended[name]
	all.lock.Unlock()
	if child != nil {
		_ = child.Process.Kill()
		<-ended
	}
	tell(map[string]interface{}{"killed": name})
}

// serveBus is a NATS server as the controller of Argo Events makes it: with JetStream, and with TLS, which clients of
// Argo Events demand.
func serveBus(folder string) {
	options := &server.Options{
		Host: "127.0.0.1", Port: 4222, HTTPHost: "127.0.0.1", HTTPPort: 8222,
		JetStream: true, StoreDir: folder, TLSConfig: certified(), TLSTimeout: 30, NoSigs: true, MaxPayload: 1 << 20,
	}
	nats, err := server.NewServer(options)
	check(err)
	nats.Start()
	if !nats.ReadyForConnections(time.Minute) {
		panic("the NATS server does not start")
	}
}

func certified() *tls.Config {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	check(err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(24 * time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	text, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	check(err)
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{text}, PrivateKey: key}}}
}

// publish puts an event on the bus with Argo Events' own connection, in the form that eventing.go gives it.
func publish(asked command) {
	logger := logging.NewArgoEventsLogger()
	auth := &eventbuscommon.Auth{Strategy: v1alpha1.AuthStrategyNone}
	source, err := jetstreamsource.NewSourceJetstream(busURL, asked.Source, bus().JetStream.StreamConfig, auth, logger, nil)
	check(err)
	check(source.Initialize())
	connection, err := source.Connect("publisher")
	check(err)
	body, err := cloudEvent(asked)
	check(err)
	check(connection.Publish(context.Background(), eventbuscommon.Message{
		MsgHeader: eventbuscommon.MsgHeader{EventSourceName: asked.Source, EventName: asked.Subject, ID: asked.ID},
		Body:      body,
	}))
	check(connection.Close())
	tell(map[string]interface{}{"published": asked.ID})
}

// loopbackUp turns on the only interface of a new network namespace.
func loopbackUp() {
	socket, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_DGRAM, 0)
	check(err)
	request := [40]byte{}
	copy(request[:], "lo")
	*(*uint16)(unsafe.Pointer(&request[16])) = syscall.IFF_UP | syscall.IFF_RUNNING
	if _, _, code := syscall.Syscall(
		syscall.SYS_IOCTL, uintptr(socket), syscall.SIOCSIFFLAGS, uintptr(unsafe.Pointer(&request[0])),
	); code != 0 {
		panic(code)
	}
	check(syscall.Close(socket))
}
