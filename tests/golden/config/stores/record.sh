#!/usr/bin/env bash
# Records the stores in this directory with the keytool of a JDK (17.0.15). The keys are of no use
# but here. Passwords: of the stores "of-the-store", of the key in identity.jks "of-the-key".
set -eu
cd "$(dirname "$0")"
rm -f ./*.jks ./*.p12
pair() { keytool -genkeypair -alias "$1" -keyalg EC -groupname secp256r1 -validity 36500 -dname "CN=$1" \
    -ext san=dns:localhost,ip:127.0.0.1 -storepass of-the-store "${@:2}"; }
store() { keytool -noprompt -storepass of-the-store "$@"; }
pair worker -keystore identity.jks -storetype JKS -keypass of-the-key
pair other -keystore other.p12 -storetype PKCS12
store -exportcert -rfc -alias worker -keystore identity.jks -file worker.pem
store -exportcert -rfc -alias other -keystore other.p12 -file other.pem
store -importkeystore -srckeystore identity.jks -srcstorepass of-the-store -srckeypass of-the-key \
    -srcalias worker -destkeystore identity.p12 -deststoretype PKCS12 -destkeypass of-the-store \
    -deststorepass of-the-store
for type in jks p12; do
    for name in other worker; do
        store -importcert -alias "$name" -file "$name.pem" -keystore "trusted.$type" \
            -storetype "$(echo $type | sed 's/p12/PKCS12/')"
    done
done
rm other.p12 ./*.pem
