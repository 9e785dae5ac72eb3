package io.kith.spiffe.der;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.math.BigInteger;
import java.time.Instant;
import org.bouncycastle.asn1.ASN1GeneralizedTime;
import org.bouncycastle.asn1.ASN1Integer;
import org.bouncycastle.asn1.ASN1ObjectIdentifier;
import org.bouncycastle.asn1.ASN1Primitive;
import org.bouncycastle.asn1.ASN1UTCTime;
import org.bouncycastle.asn1.DERBitString;
import org.bouncycastle.asn1.DEROctetString;
import org.bouncycastle.asn1.DERTaggedObject;
import org.bouncycastle.asn1.x509.KeyUsage;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Every value is compared with what an independent encoder writes. */
class DerTest {

  @ParameterizedTest
  @ValueSource(ints = {0, 1, 127, 128, 129, 255, 256, 65_535, 65_536, 16_777_216})
  void octets_lengthsAroundTheSteps_areAsEncodedElsewhere(int length) throws IOException {
    var content = new byte[length];

    assertThat(Der.octets(content)).isEqualTo(new DEROctetString(content).getEncoded());
  }

  @ParameterizedTest
  @ValueSource(longs = {0, 1, -1, 127, 128, 255, 256, Long.MAX_VALUE, Long.MIN_VALUE})
  void integer_edges_areAsEncodedElsewhere(long value) throws IOException {
    assertThat(Der.integer(value))
        .isEqualTo(new ASN1Integer(BigInteger.valueOf(value)).getEncoded());
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "2.5.29.37.0",
        "1.2.840.10045.4.3.2",
        "1.2.3.127.128.16383.16384.2097151.2097152",
        "0.9.1"
      })
  void oid_edges_areAsEncodedElsewhere(String dotted) throws IOException {
    assertThat(Der.oid(dotted)).isEqualTo(new ASN1ObjectIdentifier(dotted).getEncoded());
  }

  @Test
  void time_lastSecondOfUtcTimeAndTheNext_areAsEncodedElsewhere() throws IOException {
    var last = Instant.parse("2049-12-31T23:59:59Z");

    assertThat(Der.time(last)).isEqualTo(new ASN1UTCTime("491231235959Z").getEncoded());
    assertThat(Der.time(last.plusSeconds(1)))
        .isEqualTo(new ASN1GeneralizedTime("20500101000000Z").getEncoded());
  }

  @Test
  void namedBits_keyUsages_areAsEncodedElsewhere() throws IOException {
    assertThat(Der.namedBits(0)).isEqualTo(new KeyUsage(KeyUsage.digitalSignature).getEncoded());
    assertThat(Der.namedBits(5, 6))
        .isEqualTo(new KeyUsage(KeyUsage.keyCertSign | KeyUsage.cRLSign).getEncoded());
  }

  @Test
  void structures_nested_areAsEncodedElsewhere() throws IOException {
    var inner = Der.sequence(Der.bool(true), Der.utf8("é"), Der.setOf(Der.bits(new byte[] {1})));

    assertThat(ASN1Primitive.fromByteArray(inner).getEncoded("DER")).isEqualTo(inner);
    assertThat(Der.explicit(3, Der.integer(2)))
        .isEqualTo(new DERTaggedObject(true, 3, new ASN1Integer(2)).getEncoded());
    assertThat(Der.implicit(6, new byte[] {65}))
        .isEqualTo(new DERTaggedObject(false, 6, new DEROctetString(new byte[] {65})).getEncoded());
    assertThat(Der.bits(new byte[] {1})).isEqualTo(new DERBitString(new byte[] {1}).getEncoded());
  }
}
