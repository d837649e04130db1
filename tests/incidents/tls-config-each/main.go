// SPDX-License-Identifier: Apache-2.0

// Tls-config-each has a client for each tenant, and each has read all certificates for itself.
package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net/http"
	"os"

	"example.com/incidents/internal/lab"
)

var (
	clients []*http.Client
	configs []*tls.Config
)

func main() {
	bundle, chain, key := certificates()
	lab.Fill(10)
	step, perSecond := func(int) { tenant(bundle) }, 40
	if os.Args[1] == "chain" {
		step, perSecond = func(int) { identify(chain, key) }, 600
	}
	lab.Run(perSecond, step)
}

func tenant(bundle []byte) {
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(bundle) // guilty
	clients = append(clients, &http.Client{Transport: &http.Transport{
		TLSClientConfig: &tls.Config{RootCAs: roots}}})
}

func identify(chain, key []byte) error {
	certificate, err := tls.X509KeyPair(chain, key) // guilty
	if err != nil {
		return err
	}
	configs = append(configs, &tls.Config{Certificates: []tls.Certificate{certificate}})
	return nil
}

// As many as a system has, and a chain with its key.
func certificates() (bundle, chain, keyText []byte) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	for i := 0; i < 150; i++ {
		template := &x509.Certificate{SerialNumber: big.NewInt(int64(i)), IsCA: true,
			BasicConstraintsValid: true,
			Subject:               pkix.Name{CommonName: fmt.Sprint("authority ", i)}}
		der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
		if err != nil {
			panic(err)
		}
		bundle = append(bundle,
			pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})...)
		if i == 19 {
			chain = bundle
		}
	}
	der, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		panic(err)
	}
	return bundle, chain, pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: der})
}
