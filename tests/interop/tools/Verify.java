import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyFactory;
import java.security.Signature;
import java.security.spec.X509EncodedKeySpec;
import java.util.Base64;

/** `java Verify.java DIRECTORY`: ends 0 if Java's own provider accepts the signature. */
public class Verify {
    public static void main(String[] arguments) throws Exception {
        Path here = Path.of(arguments[0]);
        String pem = Files.readString(here.resolve("pub.pem")).replaceAll("-----[A-Z ]+-----|\\s", "");
        Signature verifier = Signature.getInstance("SHA256withECDSA");
        verifier.initVerify(KeyFactory.getInstance("EC")
            .generatePublic(new X509EncodedKeySpec(Base64.getDecoder().decode(pem))));
        verifier.update(Files.readAllBytes(here.resolve("pae.bin")));
        System.exit(verifier.verify(Files.readAllBytes(here.resolve("sig.der"))) ? 0 : 1);
    }
}
