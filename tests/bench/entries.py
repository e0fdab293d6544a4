"""A thousand FAQ entries as a big shop's staff would write them: 40 products, 25 questions about each, in ten files.

Each entry has a question, two 相似问 and an answer; all of them differ, as do the figures in the answers and the advice at
their end. A file is a group of four products: four CSV, four Markdown, two Excel files.
"""

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import openpyxl

GROUPS = (
    ("锅具", ("铸铁炖锅", "不粘平底锅", "不锈钢汤锅", "陶瓷砂锅")),
    ("水具", ("保温杯", "焖烧罐", "玻璃凉水壶", "电热水壶")),
    ("小家电", ("空气炸锅", "破壁机", "电饭煲", "早餐机")),
    ("清洁电器", ("扫地机器人", "无线吸尘器", "洗地机", "蒸汽拖把")),
    ("床品", ("四件套", "羽绒被", "记忆棉枕头", "乳胶床垫")),
    ("收纳", ("真空收纳袋", "抽屉收纳盒", "免打孔置物架", "衣物收纳箱")),
    ("灯具", ("护眼台灯", "床头感应灯", "吸顶灯", "落地灯")),
    ("卫浴", ("恒温花洒", "浴室防滑垫", "智能马桶盖", "毛巾架")),
    ("餐具", ("骨瓷碗碟", "不锈钢刀叉", "儿童分格餐盘", "竹木砧板")),
    ("环境电器", ("空气净化器", "加湿器", "循环扇", "除湿机")),
)

# Question, two 相似问, answer; {p} is the product, {a} to {c} are figures of its own.
PROBLEMS = (
    (
        "{p}第一次使用前要怎么处理",
        "新买的{p}要先洗一下吗",
        "{p}到手后第一步做什么",
        "拆掉全部包装和标签，用温水加少量中性洗涤剂擦洗{p}，晾干 {a} 小时再使用。第一次使用有轻微气味属正常，通风 {b} 次左右会散去。",
    ),
    (
        "{p}可以放进洗碗机吗",
        "洗碗机能不能洗{p}",
        "{p}机洗会不会坏",
        "{p}的主体不建议放进洗碗机，高温和碱性洗涤块会伤表面。可拆的配件能机洗，水温不超过 {c} 度，放在上层。",
    ),
    (
        "{p}有异味怎么去除",
        "{p}一股味道散不掉",
        "怎么给{p}去味",
        "先把{p}敞开通风 {a} 天；仍有味道的，用 {b} 勺小苏打兑温水擦一遍，再用清水擦净。按这样做还有刺鼻气味，请拍照联系客服换新。",
    ),
    (
        "{p}的保修期是多久",
        "{p}坏了多长时间内免费修",
        "{p}质保几年",
        "{p}整件保修 {b} 年，从签收日算起；配件和耗材保修 {a} 个月。人为摔坏、进水、自行拆开的不在保修范围内。",
    ),
    (
        "{p}有哪些颜色和尺寸",
        "{p}还有别的规格吗",
        "{p}最大号是多大",
        "{p}现有 {b} 种颜色、{a} 个尺寸，商品页「规格」里能看到每一款的长宽高和重量。灰掉的规格是暂时缺货，一般 {c} 天内补上。",
    ),
    (
        "{p}怎么安装",
        "{p}要自己装还是师傅上门",
        "{p}的安装视频在哪看",
        "{p}不用打孔，按说明书第 {b} 页的顺序 {a} 分钟左右能装好。扫包装盒侧面的二维码可以看安装视频。需要师傅上门的，在订单里点「预约安装」。",
    ),
    (
        "{p}漏发了配件怎么补",
        "收到{p}少了零件",
        "{p}盒子里没有说明书上写的配件",
        "签收后 {b} 天内联系客服，把{p}的包装清单和全部配件摆在一起拍张照，核对后 {a} 小时内补寄，运费由我们承担。",
    ),
    (
        "{p}能用多久需要更换",
        "{p}的使用寿命是几年",
        "{p}多长时间换一次新的合适",
        "正常使用{p}一般能用 {b} 到 {a} 年。出现开裂、变形或者明显褪色时建议更换；耗材部分约 {c} 天换一次。",
    ),
    (
        "{p}表面有划痕算质量问题吗",
        "{p}到货时有一道印子",
        "{p}上有刮花能换吗",
        "签收 {b} 天内发现、没有使用过的{p}，划痕长度超过 {a} 毫米就可以免费换新。请在自然光下拍一张整体、一张细节，提交售后申请时一起传上来。",
    ),
    (
        "{p}的材质安全吗有没有检测报告",
        "{p}是什么材料做的",
        "{p}给小孩用放心吗",
        "{p}的材质通过了国家相关标准的检测，报告编号在商品详情页第 {b} 屏。需要盖章的报告，联系客服 {a} 个工作日内发到您的邮箱。",
    ),
    (
        "{p}发热正常吗",
        "{p}用着用着有点烫手",
        "{p}温度高会不会有危险",
        "连续使用{p} {a} 分钟后外壳温热属于正常，一般不超过 {c} 度。如果烫到不能碰，或者有焦味，请立刻停用并联系售后检测。",
    ),
    (
        "{p}声音大是不是坏了",
        "{p}有咔哒咔哒的响声",
        "{p}的噪音多少分贝",
        "{p}正常的声音在 {c} 分贝以内。先检查是否放平、有没有东西卡住；重新放好 {b} 次后仍有异响的，录一段 {a} 秒的视频发给客服判断。",
    ),
    (
        "{p}可以单独买替换件吗",
        "{p}的配件哪里配",
        "{p}的易损件多少钱一个",
        "可以。在店铺首页搜索「{p} 配件」，常用替换件 {a} 元起，满 {c} 元包邮。找不到对应型号的，把机身标签拍给客服确认。",
    ),
    (
        "{p}怎么日常保养",
        "{p}平时要注意什么才耐用",
        "{p}多久保养一次",
        "{p}每次用完擦干，放在通风处；每 {a} 周做一次彻底清洁。长时间不用时套上防尘袋，避免阳光直晒超过 {b} 小时。",
    ),
    (
        "{p}送人有礼盒包装吗",
        "{p}能不能包成礼物",
        "买{p}送朋友可以写贺卡吗",
        "{p}可以加礼盒，结算页勾选「礼品包装」，每件 {a} 元，附一张 {c} 字以内的贺卡。礼盒装的包裹里不放价格单。",
    ),
    (
        "{p}降价了能补差价吗",
        "刚买完{p}就便宜了",
        "{p}买贵了退差价不退",
        "付款后 {a} 天内，同一款{p}在本店降价的，可以申请补差价，点「价格保护」提交，{b} 天内退回原支付方式。秒杀价和用券后的价格不参加。",
    ),
    (
        "{p}预售的什么时候能到",
        "预定的{p}还要等多久",
        "{p}预售款几号发货",
        "预售的{p}按商品页标明的日期发货，一般在付尾款后 {a} 天内。超过时间没发的，每晚一天补 {b} 元优惠券，也可以直接退定金。",
    ),
    (
        "{p}可以开企业采购发票吗",
        "公司批量买{p}怎么开票",
        "{p}对公采购有没有优惠",
        "一次买{p} {c} 件以上可以走企业采购，有 {b} 档阶梯价。把公司名称、税号和数量发给客服，{a} 小时内给您报价和合同。",
    ),
    (
        "{p}说明书丢了去哪里找",
        "{p}有电子版说明书吗",
        "忘了{p}怎么用想再看一遍说明",
        "{p}的电子说明书在「我的订单」→ 订单详情 →「使用说明」，一共 {a} 页，可以保存到手机。打印版可以补寄 {b} 份，邮费自付。",
    ),
    (
        "{p}适合几个人用",
        "一家四口选多大的{p}",
        "单身一个人买{p}哪个型号合适",
        "{p}的小号适合 {b} 个人，标准号适合 {b} 到 {a} 个人，人更多建议选大号。拿不准的，把家里人数和摆放位置的宽度告诉客服。",
    ),
    (
        "{p}和上一代有什么区别",
        "新款{p}升级了什么",
        "老款{p}还值得买吗",
        "新款{p}比上一代轻 {c} 克，改进了 {b} 处细节，价格高 {a} 元左右。日常使用两款都够用，老款售完为止，配件继续供应。",
    ),
    (
        "{p}能寄到乡镇或者村里吗",
        "我们村能不能收{p}的快递",
        "偏远一点的地方买{p}发什么快递",
        "{p}发到乡镇和村里的，快递到不了家门口时改发邮政，多等 {b} 到 {a} 天，不另收运费。下单时把手机号写准确，到站会发短信。",
    ),
    (
        "{p}用起来漏水渗水怎么办",
        "{p}底下老是湿的",
        "{p}接口那里往外滴水",
        "先检查{p}的密封圈有没有装反或夹到东西，取下来洗净按平再装，静置 {a} 分钟看看。仍渗水的，签收 {c} 天内可以直接换新。",
    ),
    (
        "{p}旧的可以以旧换新吗",
        "家里的旧{p}你们回收吗",
        "{p}换新能抵多少钱",
        "可以。旧的{p}不分品牌，能抵 {c} 元，换购时在结算页选「以旧换新」，快递员送新取旧。旧件缺失主要部件的抵扣减少 {a} 元。",
    ),
    (
        "{p}试用不满意可以退吗",
        "{p}用过一次还能退货不",
        "{p}拆封了觉得不合适想退",
        "{p}参加 {a} 天试用：签收后这段时间内用过也能退，扣 {c} 元清洁费。配件、赠品和包装盒要一起寄回，每个账号同款只能试用 {b} 次。",
    ),
)

TIPS = (
    "梅雨季节空气潮，可以在旁边放两包干燥剂。",
    "家里有婴儿或孕妇的，先开窗透气再使用更放心。",
    "冬天北方暖气房干燥，注意不要紧贴暖气片摆放。",
    "租房搬家的话，原包装纸箱和泡沫先别扔。",
    "搭配棉麻抹布擦拭，不容易留下水痕和指纹。",
    "猫狗喜欢抓咬，建议放到宠物够不着的柜子里。",
    "老人视力不好，可以请客服打电话一步步教。",
    "出差不在家，快递可以先存驿站或丰巢。",
    "端午、中秋前后仓库繁忙，请尽量提早下单。",
    "花粉过敏的家庭，换季时多清理一遍缝隙。",
    "做直播或拍短视频借用样品，请联系市场部同事。",
    "学校、幼儿园集体采购可以先寄一件样品看看。",
    "海边城市盐雾重，金属部位每个月涂一点植物油。",
    "高原地区气压低，参数和平原会有轻微差别。",
    "用柠檬片或白醋浸泡一会儿，水垢更好去掉。",
    "厨房油烟大，离灶台保持一臂距离最合适。",
    "阳台西晒厉害，夏天记得拉上窗帘遮一遮。",
    "地暖房间请垫一块软木或者毛毡再摆放。",
    "电压不稳的老小区，建议配一个带保护的插座。",
    "合租室友共用时，可以贴名字标签避免拿错。",
    "双十一和年货节期间，客服排队会久一点。",
    "露营野餐携带时，用毛巾裹住防止磕碰。",
    "左撇子用户反馈把手换个方向更顺手。",
    "晾晒遇到雾霾天，改到室内通风处阴干。",
    "办公室茶水间使用，下班前请拔掉电源。",
    "新房刚装修完，等甲醛散得差不多再拆封。",
    "配送员电话打不通时，会放在物业前台代收。",
    "颜色以实物为准，手机屏幕显示略有偏差。",
    "回南天墙面返潮，粘贴类配件要等干透再贴。",
    "闲置不用可以捐给社区回收站或旧物市集。",
    "参加晒单活动的，记得保留好评截图领积分。",
    "硬水地区用纯净水或过滤水，结垢会少很多。",
    "孩子自己操作时，请大人在身边看护。",
    "楼道堆放影响消防，大件到货请尽快搬进屋。",
    "退伍军人、教师凭证件另有专属折扣可叠加会员价。",
    "农历除夕到初六仓库休息，初七起按顺序寄出。",
    "快递面单含有姓名电话，扔纸箱前请涂抹掉。",
    "港澳台和海外暂时不能直邮，可用集运仓中转。",
    "深夜下单当天不处理，早上九点后依次审核。",
    "对比同类商品时，可以看看参数表最下面一行。",
    "跑步健身后出汗多，擦干双手再碰开关更安全。",
)
"""Advice that stands at the end of an answer, so that a thousand answers use as many words as a shop's do."""


@dataclass(frozen=True, kw_only=True)
class Entry:
    question: str
    similar: tuple[str, str]
    answer: str
    category: str


def entries(count: int = 1000) -> list[Entry]:
    """The first `count` of them."""
    return [entry for _, group in _grouped() for entry in group][:count]


def write_files(folder: Path) -> None:
    """Ten files with a hundred entries each."""
    folder.mkdir(parents=True, exist_ok=True)
    for place, (name, group) in enumerate(_grouped()):
        if place < 4:
            write_table(folder / f"{name}.csv", group)
        elif place < 8:
            _write_outline(folder / f"{name}.md", name, group)
        else:
            _write_sheet(folder / f"{name}.xlsx", name, group)


def change_one(folder: Path, note: str) -> None:
    """As staff do it: a sentence more in the answer of one entry of one file, which is saved again."""
    name, group = next(_grouped())
    first = group[0]
    changed = Entry(
        question=first.question,
        similar=first.similar,
        answer=f"{first.answer}{note}",
        category=first.category,
    )
    write_table(folder / f"{name}.csv", [changed, *group[1:]])


def write_table(file: Path, group: list[Entry]) -> None:
    with file.open("w", encoding="utf-8-sig", newline="") as written:
        table = csv.writer(written)
        table.writerow(("问题", "相似问", "答案", "分类"))
        table.writerows((each.question, " | ".join(each.similar), each.answer, each.category) for each in group)


def _grouped() -> Iterator[tuple[str, list[Entry]]]:
    for group, (name, products) in enumerate(GROUPS):
        found = []
        for row, product in enumerate(products):
            for number, (question, one, two, answer) in enumerate(PROBLEMS):
                turn = 7 * group + 3 * row + number
                figures = {"a": 5 + turn % 11, "b": 2 + turn % 3, "c": 20 + 5 * (turn % 9)}
                found.append(
                    Entry(
                        question=question.format(p=product),
                        similar=(one.format(p=product), two.format(p=product)),
                        answer=answer.format(p=product, **figures) + TIPS[(11 * group + 5 * row + number) % len(TIPS)],
                        category=name,
                    )
                )
        yield name, found


def _write_outline(file: Path, name: str, group: list[Entry]) -> None:
    parts = [f"# {name}"]
    parts += [f"## {each.question}\n相似问：{' | '.join(each.similar)}\n{each.answer}" for each in group]
    file.write_text("\n\n".join(parts) + "\n", encoding="utf-8")


def _write_sheet(file: Path, name: str, group: list[Entry]) -> None:
    book = openpyxl.Workbook()
    sheet = book.create_sheet(name, 0)
    sheet.append(("问题", "相似问", "答案", "分类"))
    for each in group:
        sheet.append((each.question, "\n".join(each.similar), each.answer, each.category))
    book.save(file)
