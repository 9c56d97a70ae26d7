// Command laptops stands in for many laptops at once: each has WireGuard with a key of its own (in this process, with a network stack
// of its own), sends heartbeats once a second, and answers HTTP on the hub ports of its bridges with its bridge's name.
// It is driven over HTTP at port 7999 with orders as in ../fleet.ts.
package main

import (
	"bytes"
	"crypto/ecdh"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"golang.zx2c4.com/wireguard/conn"
	"golang.zx2c4.com/wireguard/device"
	"golang.zx2c4.com/wireguard/tun/netstack"
)

const (
	controlAddress = ":7999"
	mtu            = 1420
	heartbeatPort  = 7070
	heartbeatPause = time.Second
	// Until the hub knows the peer, which is some moments after the order.
	firstPause = 250 * time.Millisecond
)

type linkOrder struct {
	Index      int    `json:"index"`
	Address    string `json:"address"`
	HubKey     string `json:"hubKey"`
	HubAddress string `json:"hubAddress"`
	Endpoint   string `json:"endpoint"`
}

type serveOrder struct {
	Index int    `json:"index"`
	Port  uint16 `json:"port"`
	Name  string `json:"name"`
}

type order struct {
	Keys  []int        `json:"keys"`
	Link  []linkOrder  `json:"link"`
	Serve []serveOrder `json:"serve"`
}

type answer struct {
	Keys map[int]string `json:"keys"`
}

type laptop struct {
	key     *ecdh.PrivateKey
	network *netstack.Net
	echoed  atomic.Bool
}

type fleet struct {
	mutex   sync.Mutex
	laptops map[int]*laptop
}

func main() {
	all := &fleet{laptops: map[int]*laptop{}}
	listener, err := net.Listen("tcp", controlAddress)
	if err != nil {
		log.Fatal(err)
	}
	log.Fatal(http.Serve(listener, http.HandlerFunc(all.serveOrders)))
}

func (f *fleet) serveOrders(writer http.ResponseWriter, request *http.Request) {
	var wanted order
	if err := json.NewDecoder(request.Body).Decode(&wanted); err != nil && err != io.EOF {
		http.Error(writer, err.Error(), http.StatusBadRequest)
		return
	}
	result, err := f.carryOut(wanted)
	if err != nil {
		http.Error(writer, err.Error(), http.StatusInternalServerError)
		return
	}
	_ = json.NewEncoder(writer).Encode(result)
}

func (f *fleet) carryOut(wanted order) (*answer, error) {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	result := &answer{Keys: map[int]string{}}
	for _, index := range wanted.Keys {
		key, err := ecdh.X25519().GenerateKey(rand.Reader)
		if err != nil {
			return nil, err
		}
		f.laptops[index] = &laptop{key: key}
		result.Keys[index] = base64.StdEncoding.EncodeToString(key.PublicKey().Bytes())
	}
	for _, each := range wanted.Link {
		if err := f.laptops[each.Index].link(each); err != nil {
			return nil, fmt.Errorf("laptop %d: %w", each.Index, err)
		}
	}
	for _, each := range wanted.Serve {
		if err := f.laptops[each.Index].serve(each); err != nil {
			return nil, fmt.Errorf("laptop %d, port %d: %w", each.Index, each.Port, err)
		}
	}
	return result, nil
}

func (l *laptop) link(wanted linkOrder) error {
	address, err := netip.ParseAddr(wanted.Address)
	if err != nil {
		return err
	}
	hub, err := netip.ParseAddr(wanted.HubAddress)
	if err != nil {
		return err
	}
	hubKey, err := base64.StdEncoding.DecodeString(wanted.HubKey)
	if err != nil {
		return err
	}
	tunnel, network, err := netstack.CreateNetTUN([]netip.Addr{address}, nil, mtu)
	if err != nil {
		return err
	}
	wireguard := device.NewDevice(tunnel, conn.NewDefaultBind(), device.NewLogger(device.LogLevelError, ""))
	if err := wireguard.IpcSet(fmt.Sprintf("private_key=%s\npublic_key=%s\nendpoint=%s\nallowed_ip=0.0.0.0/0\npersistent_keepalive_interval=25\n",
		hex.EncodeToString(l.key.Bytes()), hex.EncodeToString(hubKey), wanted.Endpoint)); err != nil {
		return err
	}
	if err := wireguard.Up(); err != nil {
		return err
	}
	l.network = network
	heart, err := network.DialUDPAddrPort(netip.AddrPort{}, netip.AddrPortFrom(hub, heartbeatPort))
	if err != nil {
		return err
	}
	go l.beat(heart)
	go l.listen(heart)
	return nil
}

func (l *laptop) beat(heart net.Conn) {
	for seq := 1; ; seq++ {
		message, _ := json.Marshal(map[string]any{"v": 1, "seq": seq, "transport": "docker", "ended": []string{}})
		_, _ = heart.Write(message)
		if l.echoed.Load() {
			time.Sleep(heartbeatPause)
		} else {
			time.Sleep(firstPause)
		}
	}
}

func (l *laptop) listen(heart net.Conn) {
	buffer := make([]byte, mtu)
	for {
		if _, err := heart.Read(buffer); err != nil {
			log.Print(err)
			time.Sleep(heartbeatPause)
			continue
		}
		l.echoed.Store(true)
	}
}

func (l *laptop) serve(wanted serveOrder) error {
	listener, err := l.network.ListenTCPAddrPort(netip.AddrPortFrom(netip.Addr{}, wanted.Port))
	if err != nil {
		return err
	}
	body, err := json.Marshal(map[string]string{"who": wanted.Name})
	if err != nil {
		return err
	}
	go func() {
		log.Print(http.Serve(listener, http.HandlerFunc(func(writer http.ResponseWriter, _ *http.Request) {
			writer.Header().Set("content-type", "application/json")
			_, _ = io.Copy(writer, bytes.NewReader(body))
		})))
	}()
	return nil
}
