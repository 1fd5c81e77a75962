/**
 * SHA-256 of llama.cpp's libraries in node-llama-cpp's packages, by platform and file. Written by
 * `deno task abi`: do not edit.
 *
 * @module
 */

/** The hashes, in hex. */
export const HASHES = {
  "linux-x64": {
    "libggml-base.so": "1eba024559799447e34687e12b6794e79ad3768a1b3d2cbca9fadc829f0f85c7",
    "libggml-cpu-alderlake.so": "9855c4a776fe65b907eb3a2552f69d49bad692f9bd09709d0ee09773f3ed1cd9",
    "libggml-cpu-cannonlake.so": "3e6b749e7f49d4a713a92156d25d7678163d46e8083ac63535c9499611fb2516",
    "libggml-cpu-cascadelake.so":
      "a1ebbca4d2eef11b8e4b57e43b7a431bddb7e0a28a1c50b7183d053a69d60c81",
    "libggml-cpu-cooperlake.so": "34f03e1df8c7076cff77e4512f8e6a6e2b613a779ef6560b58eaf65f8721e695",
    "libggml-cpu-haswell.so": "e515aa4e0ea19c7bca544536db03b17ca6ad4ee24d8bf5dd9ea6f9c18bb9e135",
    "libggml-cpu-icelake.so": "3e083fe7d5eaef3f2426b80aa50639484ce8b0ade2b9f8d16fc1321456761b91",
    "libggml-cpu-ivybridge.so": "4d3f861530b860f39e7a4856d42ae9134def255ef201078f890ae75e1b27cbfe",
    "libggml-cpu-piledriver.so": "d23438b7bcc20dd0fc25ad82feb2bd9bc354cbd225a1c1ec6009d8ec142faaaa",
    "libggml-cpu-sandybridge.so":
      "486aa8a2c058387f0019e00931175d0b1b0a3b023cae3604427442506b3231ac",
    "libggml-cpu-sapphirerapids.so":
      "1a9d8718e725c19bd2e9a2c58286c2164572a00eff397cc3a746c76e7e2fe364",
    "libggml-cpu-skylakex.so": "74d65c3926a1914588332d9bc7583f8a29666ff06ee34605604d2759b65f03f8",
    "libggml-cpu-sse42.so": "dc2ad4e366258cb8e94ab5923c0febcba81136a1b6a91ae08d8382764459bb2e",
    "libggml-cpu-x64.so": "bd2de057baaf343ec9fdabf2623de97f1f29aff7a8bd6e9b25f291f8af699bd0",
    "libggml-cpu-zen4.so": "d101750f42c2ebc68ec4423645c7f167c6b84834743776f2074297a146924699",
    "libggml.v0.4.0.so": "a8810737479e61c0131576a7a7b8d6ee09b1c161055065ba0579f671da7eb04c",
    "libllama.v0.4.0.so": "a1e1a2f1d1261070e33f25eca89700cfcf4b824f6a4113e9bc111c17aefcb52f",
  },
  "linux-x64-cuda": {
    "fallback/libggml-cuda.so": "7f51a6bacb00962c42a7ea141974ae094ba7d2789f827810c0e2ba9c73b61ffc",
    "libggml-base.so": "1eba024559799447e34687e12b6794e79ad3768a1b3d2cbca9fadc829f0f85c7",
    "libggml-cpu-alderlake.so": "9855c4a776fe65b907eb3a2552f69d49bad692f9bd09709d0ee09773f3ed1cd9",
    "libggml-cpu-cannonlake.so": "3e6b749e7f49d4a713a92156d25d7678163d46e8083ac63535c9499611fb2516",
    "libggml-cpu-cascadelake.so":
      "a1ebbca4d2eef11b8e4b57e43b7a431bddb7e0a28a1c50b7183d053a69d60c81",
    "libggml-cpu-cooperlake.so": "34f03e1df8c7076cff77e4512f8e6a6e2b613a779ef6560b58eaf65f8721e695",
    "libggml-cpu-haswell.so": "e515aa4e0ea19c7bca544536db03b17ca6ad4ee24d8bf5dd9ea6f9c18bb9e135",
    "libggml-cpu-icelake.so": "3e083fe7d5eaef3f2426b80aa50639484ce8b0ade2b9f8d16fc1321456761b91",
    "libggml-cpu-ivybridge.so": "4d3f861530b860f39e7a4856d42ae9134def255ef201078f890ae75e1b27cbfe",
    "libggml-cpu-piledriver.so": "d23438b7bcc20dd0fc25ad82feb2bd9bc354cbd225a1c1ec6009d8ec142faaaa",
    "libggml-cpu-sandybridge.so":
      "486aa8a2c058387f0019e00931175d0b1b0a3b023cae3604427442506b3231ac",
    "libggml-cpu-sapphirerapids.so":
      "1a9d8718e725c19bd2e9a2c58286c2164572a00eff397cc3a746c76e7e2fe364",
    "libggml-cpu-skylakex.so": "74d65c3926a1914588332d9bc7583f8a29666ff06ee34605604d2759b65f03f8",
    "libggml-cpu-sse42.so": "dc2ad4e366258cb8e94ab5923c0febcba81136a1b6a91ae08d8382764459bb2e",
    "libggml-cpu-x64.so": "bd2de057baaf343ec9fdabf2623de97f1f29aff7a8bd6e9b25f291f8af699bd0",
    "libggml-cpu-zen4.so": "d101750f42c2ebc68ec4423645c7f167c6b84834743776f2074297a146924699",
    "libggml-cuda.so": "b44c49ee361064e04c6da297bd820931ee3f0b580c78f19d3b548c2b89a5972c",
    "libggml.cuda.v0.4.0.so": "4885d99fb8f88ab5e00edc7beab380c9554753be7874b89b91073312c93bed96",
    "libllama.cuda.v0.4.0.so": "7240f12677b9af784d06b45b42ef30d039737d5ee4e1c6aaf2d2bb55a84da31d",
  },
  "linux-x64-vulkan": {
    "libggml-base.so": "1eba024559799447e34687e12b6794e79ad3768a1b3d2cbca9fadc829f0f85c7",
    "libggml-cpu-alderlake.so": "9855c4a776fe65b907eb3a2552f69d49bad692f9bd09709d0ee09773f3ed1cd9",
    "libggml-cpu-cannonlake.so": "3e6b749e7f49d4a713a92156d25d7678163d46e8083ac63535c9499611fb2516",
    "libggml-cpu-cascadelake.so":
      "a1ebbca4d2eef11b8e4b57e43b7a431bddb7e0a28a1c50b7183d053a69d60c81",
    "libggml-cpu-cooperlake.so": "34f03e1df8c7076cff77e4512f8e6a6e2b613a779ef6560b58eaf65f8721e695",
    "libggml-cpu-haswell.so": "e515aa4e0ea19c7bca544536db03b17ca6ad4ee24d8bf5dd9ea6f9c18bb9e135",
    "libggml-cpu-icelake.so": "3e083fe7d5eaef3f2426b80aa50639484ce8b0ade2b9f8d16fc1321456761b91",
    "libggml-cpu-ivybridge.so": "4d3f861530b860f39e7a4856d42ae9134def255ef201078f890ae75e1b27cbfe",
    "libggml-cpu-piledriver.so": "d23438b7bcc20dd0fc25ad82feb2bd9bc354cbd225a1c1ec6009d8ec142faaaa",
    "libggml-cpu-sandybridge.so":
      "486aa8a2c058387f0019e00931175d0b1b0a3b023cae3604427442506b3231ac",
    "libggml-cpu-sapphirerapids.so":
      "1a9d8718e725c19bd2e9a2c58286c2164572a00eff397cc3a746c76e7e2fe364",
    "libggml-cpu-skylakex.so": "74d65c3926a1914588332d9bc7583f8a29666ff06ee34605604d2759b65f03f8",
    "libggml-cpu-sse42.so": "dc2ad4e366258cb8e94ab5923c0febcba81136a1b6a91ae08d8382764459bb2e",
    "libggml-cpu-x64.so": "bd2de057baaf343ec9fdabf2623de97f1f29aff7a8bd6e9b25f291f8af699bd0",
    "libggml-cpu-zen4.so": "d101750f42c2ebc68ec4423645c7f167c6b84834743776f2074297a146924699",
    "libggml-vulkan.so": "39f178967f6079980b41049fe2c1fab774e86fa90087390bf694bb7e6e0215a3",
    "libggml.vulkan.v0.4.0.so": "28497d4cc4cab8f5d06e3ef94033974b068b3e6ea6543d1cbe7dcb762b3b065b",
    "libllama.vulkan.v0.4.0.so": "34ada246dfb2e78dc29f4599b92b032385eabe1e7ee539f095631aa3dac90072",
  },
  "linux-arm64": {
    "libggml-base.so": "5f02f4baf1660fce8f607693694eb644035caf7e5bc33103edc316da85229066",
    "libggml-cpu-armv8.0_1.so": "9692bb20faa84c178b3dd1941744ca564c45f5065391bc2e990084a79f13db9b",
    "libggml-cpu-armv8.2_1.so": "bc47eed34b7fbb87f59b6308db7c1bc3f675c33b6c3237534a56c152f69b1cff",
    "libggml-cpu-armv8.2_2.so": "e60172cf0f68a8975f06a32ddfb1c634b3ddd693c9d3e474776810433bc6907c",
    "libggml-cpu-armv8.2_3.so": "67885633f30a2c79453b947088e024fe4229c35b8f3d432b99ee87ce7cf5a8b9",
    "libggml-cpu-armv8.6_1.so": "d133ad958c9830fa795ffe932e42248ad836a2020abe6f1e96dedd639c4ec72c",
    "libggml-cpu-armv8.6_2.so": "bf487d77cd087f9fc07e8fd3b346a9e635196df65cbbee850bd238d9c97133e9",
    "libggml-cpu-armv9.2_1.so": "6046cf5dca135c7c0d0d78c02ac7275ad9b921fe036e89109a35c2213a435bd0",
    "libggml-cpu-armv9.2_2.so": "e29c3e4f45682cf3a596626f91b76af0814d8ff9f8da9ac677724a8b59fb2b4f",
    "libggml.v0.4.0.so": "2f4766ceb830566f5ec86b22fbfe6dc7f209102875ef5b5dace9be8a96fa8b2b",
    "libllama.v0.4.0.so": "a671d2a1746dc07ec69fe72a64daaafd2e2fb7ee3421b0c346ed76a8c7abc3c8",
  },
  "mac-x64": {
    "libggml-base.dylib": "4127667f0d4fd3528f4c92c71f16d9a4390c0a24314bf40246e6146685a5606c",
    "libggml-cpu-alderlake.so": "b7ab1e7b64628e8d24b533a95e34975a13d5a68525bc2a7293e6c2d7553b60db",
    "libggml-cpu-cannonlake.so": "64e7a20c5209980d7814a48893e03e0a9504b432c76cdaa65691f4eb656c4ac8",
    "libggml-cpu-cascadelake.so":
      "b3d687f55bc6d8e25ba71c38ac2f0f9ed06bb87263ad38dcf84a20c64c01b66f",
    "libggml-cpu-cooperlake.so": "0078e72aed24ec0a4f3e29e978ca3b4322d7c453b6e963c229118a8b9b4773ee",
    "libggml-cpu-haswell.so": "a29cd412ccae3487e6e6af841478d53aafa78dfa7e8f24d466f7822c3a0967f1",
    "libggml-cpu-icelake.so": "44d5d66d3f8558b8a2ed0e381e68203ade16cf723ef5a1823f551782a756ba4b",
    "libggml-cpu-ivybridge.so": "445110a39cad93eac8ef8205f06412e97aaa179b0ffc49308433b6f930719179",
    "libggml-cpu-piledriver.so": "bf60809c4ec377d4cd511858d48b5d893920ce6145812d7805f181646622c115",
    "libggml-cpu-sandybridge.so":
      "891e17d67407df5845ef4fef02020c01a5544472567d0db552850a7634258265",
    "libggml-cpu-sapphirerapids.so":
      "7d8a91c03c62156a6f68f52662fe32422a0ce813b6725226f0993352993037e2",
    "libggml-cpu-skylakex.so": "fb08b075180601393d0954dc36543c729b6f0b3a2fc0ad3f4aa302b3741a985f",
    "libggml-cpu-sse42.so": "f42b7cfeacac46c96586dfc9235034fa77c8d0ea88989ac569e504562a6f903e",
    "libggml-cpu-x64.so": "5f104ce4d525983061faa847ab0614772c9cdb3c93b4e9e879a0546373b13769",
    "libggml-cpu-zen4.so": "2bab549022551776ced3ab7b5bec056f505fceb362b6f6f0724c782268fb5ed0",
    "libggml.v0.4.0.dylib": "3d3026af1f61765623c6ea0d112a89b8b3de98977f6e3500694e71304a48cb10",
    "libllama.v0.4.0.dylib": "d691da8f0e5e69e7f0397c5526fbc11de8e96e3a330213e39175a7447c86be51",
  },
  "mac-arm64-metal": {
    "libggml-base.dylib": "d0b909f22bfeaf3dbb5f7a992d9e48710b897dd5db95ef82e8317c9c2474e28c",
    "libggml-cpu-apple_m1.so": "3025e75476e77db5ee1fa2e2b78a5adc8e2e089be57174ab6ce8a381cb648a4b",
    "libggml-cpu-apple_m2_m3.so":
      "75c3a7f06a0374ceddefca9f9067878e432fc9e57dc5d70110679c7876488613",
    "libggml-cpu-apple_m4.so": "c78ac88acf14dfdb0a94b35533990f8b99fa810e128461555fee583119ad4be9",
    "libggml-metal.so": "1081bd1cf05edc21513c07ba9b18c2ba345af8a14ae678fc13e2fa462d744bb2",
    "libggml.metal.v0.4.0.dylib":
      "a70f1a5d40685bb81aaa25d9a794b05e06d63e2d64986e3d409e0365b61cf120",
    "libllama.metal.v0.4.0.dylib":
      "0f59592ce092fea073d9de2f0589ea9527a0e1fb1856af6ddd2970b32eeb28d1",
  },
} as const;
